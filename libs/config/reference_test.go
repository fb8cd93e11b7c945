package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/config"
)

func TestReference(t *testing.T) {
	type rooms struct {
		Shared
		Rooms struct {
			Database config.Secret `envconfig:"DATABASE" required:"true" desc:"where rooms are kept"`
			Key      config.Secret `envconfig:"KEY" default:"development" desc:"a | b"`
			Backends []string      `envconfig:"BACKENDS" desc:"what it asks"`
		}
	}
	type realtime struct {
		Shared
		Window time.Duration `envconfig:"WINDOW" default:"5m" desc:"how far back streams resume"`
	}
	var text strings.Builder
	err := config.WriteReference(
		&text,
		config.Section{Title: "rooms", About: "Rooms and their members.", Cfg: &rooms{}},
		config.Section{Title: "realtime", Cfg: &realtime{}},
		config.Section{Title: "media", Cfg: &struct{ Shared }{}},
	)
	want := `## Every deployable
All that follow have these settings too.

| variable | type | default | required | meaning |
|---|---|---|---|---|
| ¬ISM_LOG_LEVEL¬ | level | ¬info¬ | no | debug, info, warn or error |
| ¬ISM_RATIO¬ | number | ¬1¬ | no |  |

## rooms
Rooms and their members.

| variable | type | default | required | meaning |
|---|---|---|---|---|
| ¬ISM_ROOMS_DATABASE¬ or ¬ISM_ROOMS_DATABASE_FILE¬ | secret |  | yes | where rooms are kept |
| ¬ISM_ROOMS_KEY¬ or ¬ISM_ROOMS_KEY_FILE¬ | secret | [secret] | no | a \| b |
| ¬ISM_ROOMS_BACKENDS¬ | list |  | no | what it asks |

## realtime

| variable | type | default | required | meaning |
|---|---|---|---|---|
| ¬ISM_WINDOW¬ | duration | ¬5m¬ | no | how far back streams resume |

## media

`
	if err != nil || text.String() != strings.ReplaceAll(want, "¬", "`") {
		t.Errorf("%v, got\n%s", err, text.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestReferenceFails(t *testing.T) {
	if err := config.WriteReference(full{}, config.Section{Title: "x", Cfg: &Shared{}}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
	if err := config.WriteReference(&strings.Builder{}, config.Section{Title: "x", Cfg: Shared{}}); err == nil {
		t.Error("a struct by value is taken")
	}
	if err := config.WriteReference(&strings.Builder{}); err != nil {
		t.Error(err)
	}
}
