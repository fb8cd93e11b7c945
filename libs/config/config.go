// Package config reads a deployable's configuration from environment variables.
//
// A configuration is a struct. Its leaves are the types that kelseyhightower/envconfig parses: strings, numbers, booleans,
// durations, lists, maps, and whatever has UnmarshalText; and [Secret]. These tags count:
//
//	envconfig:"NAME"   the variable's name, or a named struct's part of it; without it the field's name in upper case
//	default:"…"        the value of a variable that is not set
//	required:"true"    the variable must be set
//	desc:"…"           what it means, for the reference and for faults; write what is allowed into it
//	was:"ISM_OLD,…"    whole names that the variable had before: they are still read, and reported, see [Renamed]
//	ignored:"true"     the field is no setting
//	of:"NAME"          of a [SecretFile]: which secret of the same struct it belongs to
//
// A named struct adds its name to those of its fields, an embedded one does not. All names begin with ISM_. A variable
// that is set to nothing counts as not set. A list is comma-separated; its entries are trimmed, and empty ones
// left out.
package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

const prefix = "ISM"

// Fault is one thing wrong with the configuration.
type Fault struct {
	Variable string // the environment variable, for example ISM_HTTP_ADDRESS
	Problem  string // what is wrong, and what is allowed
}

// Faults is all that is wrong with the configuration, as one error.
type Faults []Fault

// Under gives those faults whose variable's name begins with the prefix.
func (f Faults) Under(prefix string) Faults {
	return slices.DeleteFunc(slices.Clone(f), func(fault Fault) bool { return !strings.HasPrefix(fault.Variable, prefix) })
}

// Error lists the faults, a line each.
func (f Faults) Error() string {
	var text strings.Builder
	if len(f) == 1 {
		text.WriteString("the configuration has a fault:")
	} else {
		fmt.Fprintf(&text, "the configuration has %d faults:", len(f))
	}
	for _, fault := range f {
		fmt.Fprintf(&text, "\n  %s: %s", fault.Variable, fault.Problem)
	}
	return text.String()
}

// Validator is implemented by a configuration struct that has rules beyond its fields' types. Variables in the faults are
// named relative to the struct, as in the envconfig tags (ADDRESS, not ISM_HTTP_ADDRESS): Load makes them whole. A field
// whose variable is faulty by itself has its default or is zero, and what Validate says of it is left out.
type Validator interface {
	Validate() []Fault
}

// Load fills the struct that cfg points to from the environment, names beginning with ISM_. The error is a [Faults] with
// everything that is wrong: values that cannot be parsed, required variables that are missing, rules of a [Validator], and
// variables that nothing reads. Names beginning with ISM_TEST_ belong to the test harness and are left alone.
//
// A [Secret] can also be read from a file that the variable's name with _FILE behind it names, without a newline at its
// end. No fault contains a secret.
func Load(cfg any) error { return LoadFrom(cfg, os.Environ()) }

// LoadFrom is Load with the environment given, in the form of [os.Environ].
func LoadFrom(cfg any, environ []string) error {
	settings, err := settingsOf(cfg)
	if err != nil {
		return err
	}
	env := parseEnviron(environ)
	result := load(cfg, settings, env)
	faults := slices.Concat(unknown(env, settings), result.missing, result.faults)
	if len(faults) == 0 {
		return nil
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return strings.Compare(a.Variable, b.Variable) })
	return faults
}

func parseEnviron(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, prefix+"_") {
			env[name] = value
		}
	}
	return env
}

// redact makes sure that no text that a validator has written contains a secret.
func redact(faults Faults, secrets []string) Faults {
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may contain another
	pairs := make([]string, 0, 2*len(secrets))
	for _, secret := range secrets {
		pairs = append(pairs, secret, hidden)
	}
	replacer := strings.NewReplacer(pairs...)
	for i := range faults {
		faults[i].Problem = replacer.Replace(faults[i].Problem)
	}
	return faults
}
