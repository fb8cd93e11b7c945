package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/config"
)

type inner struct {
	Address string        `envconfig:"ADDRESS" default:":5403" desc:"where it listens, host:port"`
	Timeout time.Duration `envconfig:"TIMEOUT" default:"10s" desc:"how long it waits"`
	Limit   int           `envconfig:"LIMIT" default:"7"`
	Origins []string      `envconfig:"ORIGINS"`
}

// Shared is exported because embedded structs are those of other packages.
type Shared struct {
	Level slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error"`
	Ratio float64    `envconfig:"RATIO" default:"1"`
}

func (s Shared) Validate() []config.Fault {
	if s.Ratio > 1 {
		return []config.Fault{{Variable: "RATIO", Problem: fmt.Sprintf("%v is more than 1", s.Ratio)}}
	}
	return nil
}

type sample struct {
	Shared
	HTTP  inner `envconfig:"HTTP"`
	Rooms struct {
		Database config.Secret `envconfig:"DATABASE" required:"true" desc:"where rooms are kept"`
		Enabled  bool
		Weights  map[string]int
		Depths   []int
	}
	Ignored chan int `ignored:"true"`
	hidden  int
}

const database = "ISM_ROOMS_DATABASE=postgres://u:p4ss@db/rooms"

func TestLoadFillsEveryLeaf(t *testing.T) {
	var cfg sample
	err := config.LoadFrom(&cfg, []string{
		database, "ISM_LOG_LEVEL=WARN", "ISM_HTTP_TIMEOUT=250ms", "ISM_HTTP_ORIGINS= https://a.example , https://b.example,",
		"ISM_ROOMS_ENABLED=true", "ISM_ROOMS_WEIGHTS=a:1, b:2", "ISM_ROOMS_DEPTHS=1, 2 ,3",
		"ISM_HTTP_LIMIT=", "ADDRESS=:1", "HTTP_ADDRESS=:2", "PATH=/bin", "ISM_TEST_POSTGRES_URL=x", "ISMAEL=y",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%v %v %v %q %v %v %v %v %d %v", cfg.Level, cfg.Ratio, cfg.HTTP.Timeout, cfg.HTTP.Origins, cfg.HTTP.Address,
		cfg.Rooms.Enabled, cfg.Rooms.Weights, cfg.Rooms.Depths, cfg.HTTP.Limit, cfg.hidden)
	want := `WARN 1 250ms ["https://a.example" "https://b.example"] :5403 true map[a:1 b:2] [1 2 3] 7 0`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if cfg.Rooms.Database.Reveal() != "postgres://u:p4ss@db/rooms" {
		t.Errorf("the secret is %q", cfg.Rooms.Database.Reveal())
	}
}

func TestLoadReadsTheEnvironment(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ISM_") {
			t.Setenv(name, value) // put back at the end
			os.Unsetenv(name)
		}
	}
	t.Setenv("ISM_HTTP_ADDRESS", ":1234")
	t.Setenv("ISM_ROOMS_DATABASE", "x")
	var cfg sample
	if err := config.Load(&cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.HTTP.Address != ":1234" {
		t.Errorf("address %q", cfg.HTTP.Address)
	}
}

func TestLoadReportsEveryFaultAtOnce(t *testing.T) {
	var cfg sample
	err := config.LoadFrom(&cfg, []string{
		"ISM_LOG_LEVEL=loud", "ISM_RATIO=2", "ISM_HTTP_TIMEOUT=10", "ISM_HTTP_LIMIT=many", "ISM_HTPP_ADDRESS=:1",
		"ISM_ROOMS_ENABLED=perhaps", "ISM_ROOMS_DEPTHS=1,x", "ISM_HTTP_ADDRESS_FILE=/x", "ISM_PORT_5403_TCP=tcp://10.0.0.1:5403",
	})
	want := `the configuration has 10 faults:
  ISM_HTPP_ADDRESS: is not read; the nearest that is: ISM_HTTP_ADDRESS
  ISM_HTTP_ADDRESS_FILE: is not read: only secrets can be in files; set ISM_HTTP_ADDRESS itself
  ISM_HTTP_LIMIT: "many" is not a whole number
  ISM_HTTP_TIMEOUT: "10" is not a duration such as 10s, 1m30s or 250ms (how long it waits)
  ISM_LOG_LEVEL: "loud" is not a level (debug, info, warn or error)
  ISM_PORT_5403_TCP: is not read; Kubernetes sets such variables for its services: give the pod enableServiceLinks: false
  ISM_RATIO: 2 is more than 1
  ISM_ROOMS_DATABASE: is required (where rooms are kept)
  ISM_ROOMS_DEPTHS: "1,x" is not a comma-separated list, each entry a whole number
  ISM_ROOMS_ENABLED: "perhaps" is not true or false`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) != 10 {
		t.Errorf("%T is no Faults", err)
	}
}

func TestValidatorIsAskedOnceUnderItsPrefix(t *testing.T) {
	var cfg struct {
		sample
		Again Shared
	}
	err := config.LoadFrom(&cfg, []string{database, "ISM_RATIO=3", "ISM_AGAIN_RATIO=4"})
	want := "the configuration has 2 faults:\n  ISM_AGAIN_RATIO: 4 is more than 1\n  ISM_RATIO: 3 is more than 1"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestValidatorIsNotHeardOnAVariableThatIsFaultyItself(t *testing.T) {
	var cfg Shared
	err := config.LoadFrom(&cfg, []string{"ISM_RATIO=half"})
	want := "the configuration has a fault:\n  ISM_RATIO: \"half\" is not a number such as 0.5"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if cfg.Ratio != 1 {
		t.Errorf("the faulty variable's field is %v, not its default", cfg.Ratio)
	}
}

func TestSecretFromFile(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\n\n": "s3cret\n", "s3cret\r\n": "s3cret", " s3cret ": " s3cret ", //nolint:gocritic // white space is part of a secret
	} {
		var cfg sample
		if err := config.LoadFrom(&cfg, []string{"ISM_ROOMS_DATABASE_FILE=" + write(content)}); err != nil {
			t.Errorf("%q: %v", content, err)
		} else if cfg.Rooms.Database.Reveal() != want {
			t.Errorf("%q gives %q", content, cfg.Rooms.Database.Reveal())
		}
	}
	for name, c := range map[string]struct {
		environ []string
		problem string
	}{
		"both":  {[]string{database, "ISM_ROOMS_DATABASE_FILE=/x"}, "is set, and ISM_ROOMS_DATABASE_FILE is too: set one of them"},
		"empty": {[]string{"ISM_ROOMS_DATABASE_FILE=" + write("\n")}, "cannot be read from the file that ISM_ROOMS_DATABASE_FILE names: it is empty"},
		"large": {[]string{"ISM_ROOMS_DATABASE_FILE=/dev/zero"}, "cannot be read from the file that ISM_ROOMS_DATABASE_FILE names: it has more than 65536 bytes"},
		"secret put where its file belongs": {
			[]string{"ISM_ROOMS_DATABASE_FILE=postgres://u:p4ss@db"},
			"cannot be read from the file that ISM_ROOMS_DATABASE_FILE names: no such file or directory",
		},
		"directory":   {[]string{"ISM_ROOMS_DATABASE_FILE=/"}, "cannot be read from the file that ISM_ROOMS_DATABASE_FILE names: is a directory"},
		"file unset":  {[]string{"ISM_ROOMS_DATABASE_FILE="}, "is required (where rooms are kept)"},
		"value unset": {[]string{"ISM_ROOMS_DATABASE="}, "is required (where rooms are kept)"},
	} {
		var cfg sample
		err := config.LoadFrom(&cfg, c.environ)
		want := "the configuration has a fault:\n  ISM_ROOMS_DATABASE: " + c.problem
		if err == nil || err.Error() != want {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, want)
		}
	}
}

func TestLoadRefusesFaultyStructs(t *testing.T) {
	for name, cfg := range map[string]any{
		"no pointer":    sample{},
		"nil":           nil,
		"nil pointer":   (*sample)(nil),
		"no struct":     new(int),
		"unread type":   &struct{ C chan int }{},
		"list of lists": &struct{ C []chan int }{},
		"secret list":   &struct{ S []config.Secret }{},
		"same name": &struct {
			A int `envconfig:"X"`
			B int `envconfig:"x"`
		}{},
		"file of a secret": &struct {
			File string        `envconfig:"KEY_FILE"`
			Key  config.Secret `envconfig:"KEY"`
		}{},
	} {
		err := config.LoadFrom(cfg, nil)
		var faults config.Faults
		if err == nil || errors.As(err, &faults) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFaultyDefaultIsAFault(t *testing.T) {
	var cfg struct {
		Wait time.Duration `default:"10"`
	}
	err := config.LoadFrom(&cfg, nil)
	if err == nil || !strings.Contains(err.Error(), `ISM_WAIT: its default "10" is not a duration`) {
		t.Error(err)
	}
}
