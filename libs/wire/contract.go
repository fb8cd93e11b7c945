package wire

import _ "embed"

// Schemas is the schema document (schemas.yaml), for tests on both sides and for whoever publishes it: an OpenAPI 3.1 document that has
// components alone.
//
//go:embed schemas.yaml
var Schemas string
