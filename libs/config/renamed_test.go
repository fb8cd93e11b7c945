package config

import (
	"slices"
	"strings"
	"testing"
)

type renamedConfig struct {
	Epoch int `envconfig:"EPOCH" default:"7" was:"ISM_ROOMS_EPOCH,ISM_MESSAGES_EPOCH" desc:"of the log"`
}

func (c renamedConfig) Validate() []Fault {
	if c.Epoch < 0 {
		return []Fault{{Variable: "EPOCH", Problem: "is negative"}}
	}
	return nil
}

func TestAFormerNameIsStillRead(t *testing.T) {
	for environ, want := range map[string]int{
		"":                                       7,
		"ISM_EPOCH=1":                            1,
		"ISM_ROOMS_EPOCH=2":                      2,
		"ISM_ROOMS_EPOCH=3 ISM_MESSAGES_EPOCH=3": 3,
		"ISM_MESSAGES_EPOCH=4":                   4,
		"ISM_EPOCH=5 ISM_ROOMS_EPOCH=5 ISM_MESSAGES_EPOCH=5": 5,
	} {
		var cfg renamedConfig
		if err := LoadFrom(&cfg, strings.Fields(environ)); err != nil || cfg.Epoch != want {
			t.Errorf("%q: %d, %v", environ, cfg.Epoch, err)
		}
	}
}

// An operator looks for the name that is set, not for the one that it should be.
func TestAFaultNamesTheVariableThatIsSet(t *testing.T) {
	for environ, named := range map[string][]string{
		"ISM_EPOCH=-1":                           {"ISM_EPOCH"},
		"ISM_ROOMS_EPOCH=-1":                     {"ISM_ROOMS_EPOCH"},
		"ISM_MESSAGES_EPOCH=many":                {"ISM_MESSAGES_EPOCH", "many"},
		"ISM_ROOMS_EPOCH=1 ISM_MESSAGES_EPOCH=2": {"ISM_ROOMS_EPOCH", "ISM_MESSAGES_EPOCH", "set ISM_EPOCH alone"},
		"ISM_EPOCH=1 ISM_ROOMS_EPOCH=2":          {"ISM_EPOCH", "ISM_ROOMS_EPOCH"},
	} {
		err := LoadFrom(&renamedConfig{}, strings.Fields(environ))
		for _, name := range named {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%q: %s is not in %v", environ, name, err)
			}
		}
	}
}

func TestFormerNamesAreReported(t *testing.T) {
	t.Setenv("ISM_ROOMS_EPOCH", "1")
	want := []Rename{{Former: "ISM_ROOMS_EPOCH", Variable: "ISM_EPOCH"}}
	if got := Renamed(&renamedConfig{}); !slices.Equal(got, want) {
		t.Errorf("reported are %v", got)
	}
	found, err := Survey([]string{"ISM_ROOMS_EPOCH=1"}, &renamedConfig{}, &renamedConfig{})
	if err != nil || !slices.Equal(found.Renamed, want) || !found.Given["ISM_EPOCH"] || len(found.Unread) != 0 {
		t.Errorf("a survey finds %+v, %v", found, err)
	}
}
