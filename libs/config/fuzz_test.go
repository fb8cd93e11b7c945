package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzLoadFrom hands any text to every kind of leaf: a fault or a value, never a panic, and never a secret in a fault.
func FuzzLoadFrom(f *testing.F) {
	for _, seed := range [][2]string{
		{"TEXT", "\"quoted\" `back` \\ \x00 \xff"},
		{"NUMBER", "0x7f"},
		{"WAIT", "1m"},
		{"LIST", "a,, b "},
		{"MAP", "a:1,b"},
		{"SECRET", "hunter2"},
		{"SECRET_FILE", "/nowhere"},
		{"TXET", "x"},
		{"", "="},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if name == "SECRET_FILE" && !strings.HasPrefix(value, "/nowhere") {
			t.Skip() // reads only what is not there
		}
		var cfg struct {
			Text   string
			Number int
			Wait   time.Duration
			List   []string
			Map    map[string]int
			Secret Secret
		}
		err := LoadFrom(&cfg, []string{"ISM_" + name + "=" + value})
		var faults Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("%T is no Faults: %v", err, err)
		}
		if name == "TEXT" && cfg.Text != value {
			t.Errorf("%q became %q", value, cfg.Text)
		}
		if name == "SECRET" && (err != nil || cfg.Secret.Reveal() != value) {
			t.Errorf("%q became %q, %v", value, cfg.Secret.Reveal(), err)
		}
	})
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"ISM_HTTP_ADDRESS", "ISM_HTTP_ADDRESS", 0},
		{"ISM_HTPT_ADDRESS", "ISM_HTTP_ADDRESS", 1},
		{"ISM_HTTP_ADRESS", "ISM_HTTP_ADDRESS", 1},
		{"ISM_HTTP_ADDRES5", "ISM_HTTP_ADDRESS", 1},
		{"ca", "abc", 3}, // no letter is edited twice
		{"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
