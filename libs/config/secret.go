package config

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[secret]"

// Secret is a configuration value that is never printed, logged or marshalled. Do not keep it in an unexported field of
// a struct that is printed as a whole, nor as the key of a map: there fmt and encoding/json do not call its methods.
type Secret string

// Reveal gives the value itself, for the one call that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (Secret) String() string { return hidden }

// GoString hides the value.
func (Secret) GoString() string { return hidden }

// Format hides the value, whatever the verb.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, hidden) }

// LogValue hides the value.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the value, also from encoding/json.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON hides the value.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// SecretFile is the file that a [Secret] was read from, or "" where the environment has the secret itself. It is a field beside the secret's, with
// the secret's name in its tag of, for who can use the secret that the file has by now: files of secrets are replaced while programs run.
type SecretFile string

// Read gives the secret that the file has now, or known where there is no file. The error does not contain the file's name.
func (f SecretFile) Read(known Secret) (Secret, error) {
	if f == "" {
		return known, nil
	}
	text, err := readSecret(string(f))
	return Secret(text), err
}
