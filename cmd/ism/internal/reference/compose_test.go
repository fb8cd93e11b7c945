package reference

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
)

const compose = "../../../../deploy/compose"

// aboutSettings is what a list of settings begins with. A name without a value takes the one that .env or the shell has, and is left out where none has.
const aboutSettings = `# The settings of this service that .env and the shell are asked for: all that it knows, see docs/configuration.md.
# This file is generated from the code: make generate.
`

// Every setting that a service knows reaches it in the stack: compose would drop in silence what it does not pass on.
func TestTheStackPassesEverySettingOn(t *testing.T) {
	yaml, err := os.ReadFile(filepath.Join(compose, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]any{
		"rooms": &rooms.ProgramConfig{}, "messages": &messages.ProgramConfig{}, "realtime": &realtime.ProgramConfig{},
		"notifications": &notifications.ProgramConfig{}, "media": &media.ProgramConfig{},
	} {
		variables, err := config.Variables(cfg)
		if err != nil || len(variables) < 40 {
			t.Fatalf("%s has %d settings, %v", name, len(variables), err)
		}
		want := bytes.NewBufferString(aboutSettings)
		for _, variable := range variables {
			want.WriteString(variable + "\n")
		}
		file := filepath.Join(compose, "settings", name+".env")
		if *update {
			if err := os.WriteFile(file, want.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("deploy/compose/settings/%s.env is not what the code says: make generate (%v)", name, err)
		}
		if !regexp.MustCompile(`(?m)^  ` + name + `:\n(?:    .*\n)*    env_file: settings/` + name + `\.env$`).Match(yaml) {
			t.Errorf("compose.yaml does not give the service %s its settings: env_file: settings/%[1]s.env", name)
		}
	}
}
