package events

import "embed"

// Contract is the schema document (asyncapi.yaml) and the golden records (testdata/golden), for tests on both sides and for
// whoever publishes them.
//
//go:embed asyncapi.yaml testdata/golden/*.json
var Contract embed.FS
