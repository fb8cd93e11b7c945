package config

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
)

// Findings is what an environment says about several configurations, of which it need not have everything.
type Findings struct {
	// Given are the variables that are set and belong to one of the configurations. A secret's _FILE counts as the secret.
	Given map[string]bool
	// Missing are the required variables that are not set.
	Missing Faults
	// Malformed are values that cannot be parsed, and those that a [Validator] refuses. No secret stands in them.
	Malformed Faults
	// Renamed are the variables that are set by a former name.
	Renamed []Rename
	// Unread are the variables that none of the configurations knows.
	Unread Faults
}

// Has reports whether a variable is set whose name begins with one of the prefixes.
func (f Findings) Has(prefixes ...string) bool {
	for variable := range f.Given {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) }) {
			return true
		}
	}
	return false
}

// Survey fills the structs that cfgs point to from one environment, in the form of [os.Environ], and says what it found instead
// of insisting on anything: it is for programs that look at an installation from beside it. A variable may belong to several of
// the configurations. The error is a fault in the program.
func Survey(environ []string, cfgs ...any) (Findings, error) {
	env := parseEnviron(environ)
	found := Findings{Given: map[string]bool{}}
	var all []setting
	missing, malformed := map[Fault]bool{}, map[Fault]bool{}
	for _, cfg := range cfgs {
		settings, err := settingsOf(cfg)
		if err != nil {
			return Findings{}, err
		}
		all = append(all, settings...)
		result := load(cfg, settings, env)
		for _, fault := range result.faults {
			malformed[fault] = true
		}
		for _, fault := range result.missing {
			missing[fault] = true
		}
	}
	for _, s := range all {
		for _, variable := range s.variables() {
			if env[variable] != "" {
				found.Given[s.variable] = true
			}
		}
	}
	found.Renamed = slices.CompactFunc(slices.SortedFunc(slices.Values(renamed(all, env)), func(a, b Rename) int {
		return cmp.Compare(a.Former, b.Former)
	}), func(a, b Rename) bool { return a == b })
	found.Missing, found.Malformed, found.Unread = sorted(missing), sorted(malformed), unknown(env, all)
	return found, nil
}

// loaded is what came of filling one struct.
type loaded struct {
	faults  Faults // without secrets
	missing Faults // required and not set
}

// load fills the struct from the environment, as far as that can be done.
func load(cfg any, settings []setting, env map[string]string) loaded {
	var result loaded
	faulty := map[string]bool{}
	var secrets []string
	for _, s := range settings {
		text, err := s.load(env)
		if s.secret && text != "" {
			secrets = append(secrets, text)
		}
		if err == nil {
			continue
		}
		faulty[s.variable] = true
		fault := Fault{Variable: s.source(env), Problem: err.Error()}
		if errors.Is(err, errRequired) {
			result.missing = append(result.missing, fault)
			continue
		}
		result.faults = append(result.faults, fault)
	}
	sources := map[string]string{}
	for _, s := range settings {
		sources[s.variable] = s.source(env)
	}
	for _, fault := range validate(cfg) {
		if !faulty[fault.Variable] {
			fault.Variable = cmp.Or(sources[fault.Variable], fault.Variable)
			result.faults = append(result.faults, fault)
		}
	}
	result.faults = redact(result.faults, secrets)
	return result
}

func sorted(set map[Fault]bool) Faults {
	return slices.SortedFunc(maps.Keys(set), func(a, b Fault) int {
		return strings.Compare(a.Variable+"\n"+a.Problem, b.Variable+"\n"+b.Problem)
	})
}
