package config

import (
	"fmt"
	"os"
)

// Rename is a variable that is set by a name that it had before.
type Rename struct{ Former, Variable string }

// Renamed gives the variables that the environment sets by a former name, for whoever reports them. cfg is what [Load] has filled.
func Renamed(cfg any) []Rename {
	settings, err := settingsOf(cfg)
	if err != nil {
		return nil // Load has reported it
	}
	return renamed(settings, parseEnviron(os.Environ()))
}

func renamed(settings []setting, env map[string]string) []Rename {
	var found []Rename
	for _, s := range settings {
		for _, former := range s.former {
			if env[former] != "" {
				found = append(found, Rename{Former: former, Variable: s.variable})
			}
		}
	}
	return found
}

// source is the name by which the environment sets the variable: what an operator has to look for.
func (s setting) source(env map[string]string) string {
	if env[s.variable] == "" {
		for _, former := range s.former {
			if env[former] != "" {
				return former
			}
		}
	}
	return s.variable
}

// lookupFormer gives the text of the variable or, where it is not set, of its former names, which must agree.
func (s setting) lookupFormer(text string, env map[string]string) (string, error) {
	for _, former := range s.former {
		switch value := env[former]; {
		case value == "" || value == text:
		case text == "":
			text = value
		default:
			return "", fmt.Errorf("is %q, but %s, a former name of %s, is %q: set %s alone", text, former, s.variable, value, s.variable)
		}
	}
	return text, nil
}
