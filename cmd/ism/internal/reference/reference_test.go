// Package reference makes the configuration reference of the whole suite from the structs that the deployables load.
package reference

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/ism-chat/ism/cmd/ism/internal/oneprocess"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
)

const introduction = `# Configuration

Everything is configured by environment variables. All faults are reported at once, with the variable's name and what is allowed,
and end the process with exit code 2; an ISM_ variable that a deployable does not know is a fault. A secret may stand in a file
instead, which the same name with _FILE behind it names.

This page is generated from the code: ` + "`make generate`" + `.

`

var update = flag.Bool("update", false, "write the reference anew")

const path = "../../../../docs/configuration.md"

func TestReferenceIsUpToDate(t *testing.T) {
	var want bytes.Buffer
	want.WriteString(introduction)
	if err := config.WriteReference(&want,
		config.Section{Title: "ism, the one process", About: "The whole messenger. It needs ISM_OIDC_ISSUER or, for development, ISM_DEV_IDP_ENABLED: an identity provider that lets anybody in, on loopback only. It has a broker of its own, which answers nobody else: ISM_KAFKA_BROKERS and what says how a broker is reached are refused.", Cfg: &oneprocess.Config{}},
		config.Section{Title: "rooms", Cfg: &rooms.ProgramConfig{}},
		config.Section{Title: "messages", Cfg: &messages.ProgramConfig{}},
		config.Section{Title: "realtime", Cfg: &realtime.ProgramConfig{}},
		config.Section{Title: "notifications", Cfg: &notifications.ProgramConfig{}},
		config.Section{Title: "media", Cfg: &media.ProgramConfig{}},
	); err != nil {
		t.Fatal(err)
	}
	if err := config.WriteReference(&want, config.Section{
		Title: "Operators' commands", Cfg: &notifications.OperatorConfig{},
		About: "`ism webhooks`, `ism dead-letters`, `ism inbox` and `ism devices`, or the same of notifications.",
	}); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/configuration.md is not what the code says: make generate")
	}
}
