package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type surveyedShared struct {
	Level string `envconfig:"LEVEL" default:"info"`
}

type surveyedRooms struct {
	surveyedShared
	URL  Secret `envconfig:"ROOMS_URL" required:"true" desc:"the database"`
	Size int    `envconfig:"ROOMS_SIZE" default:"10" desc:"connections"`
}

func (c *surveyedRooms) Validate() []Fault {
	if strings.Contains(c.URL.Reveal(), "bad") {
		return []Fault{{Variable: "ROOMS_URL", Problem: "cannot be " + c.URL.Reveal()}}
	}
	return nil
}

type surveyedMedia struct {
	surveyedShared
	Key string `envconfig:"MEDIA_KEY" required:"true"`
}

func survey(t *testing.T, environ ...string) (surveyedRooms, Findings) {
	t.Helper()
	var rooms surveyedRooms
	found, err := Survey(environ, &rooms, &surveyedMedia{})
	if err != nil {
		t.Fatal(err)
	}
	return rooms, found
}

func variablesOf(faults Faults) []string {
	var names []string
	for _, fault := range faults {
		names = append(names, fault.Variable)
	}
	return names
}

func TestSurveyInsistsOnNothing(t *testing.T) {
	rooms, found := survey(t)
	if len(found.Given)+len(found.Malformed)+len(found.Unread) > 0 {
		t.Errorf("an empty environment: %v", found)
	}
	if got := variablesOf(found.Missing); !slices.Equal(got, []string{"ISM_MEDIA_KEY", "ISM_ROOMS_URL"}) {
		t.Errorf("missing: %v", got)
	}
	if rooms.Level != "info" || rooms.Size != 10 {
		t.Errorf("the defaults are not there: %v", rooms)
	}
}

func TestSurveyTellsWhatIsGivenAndWhatIsWrong(t *testing.T) {
	rooms, found := survey(t, "ISM_LEVEL=debug", "ISM_ROOMS_SIZE=many", "ISM_MEDIA_KEY=", "ISM_ROOM_SIZE=3", "ISM_ROOMS_URL=x", "PATH=/bin")
	if rooms.Level != "debug" || rooms.URL.Reveal() != "x" || rooms.Size != 10 {
		t.Errorf("read as %v", rooms)
	}
	if len(found.Given) != 3 || !found.Given["ISM_LEVEL"] || !found.Given["ISM_ROOMS_SIZE"] || !found.Given["ISM_ROOMS_URL"] {
		t.Errorf("given: %v", found.Given)
	}
	for name, want := range map[string][2][]string{
		"missing":   {variablesOf(found.Missing), {"ISM_MEDIA_KEY"}},
		"malformed": {variablesOf(found.Malformed), {"ISM_ROOMS_SIZE"}},
		"unread":    {variablesOf(found.Unread), {"ISM_ROOM_SIZE"}},
	} {
		if !slices.Equal(want[0], want[1]) {
			t.Errorf("%s: %v", name, want[0])
		}
	}
	if !strings.Contains(found.Unread[0].Problem, "ISM_ROOMS_SIZE") {
		t.Errorf("the nearest variable is not told: %v", found.Unread)
	}
}

func TestSurveyTakesSecretsFromFilesAndTellsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("file-bad\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, found := survey(t, "ISM_ROOMS_URL_FILE="+path)
	if !found.Given["ISM_ROOMS_URL"] || len(found.Malformed) != 1 || strings.Contains(found.Malformed.Error(), "file-bad") {
		t.Errorf("a refused secret: %v", found)
	}
	if _, found := survey(t, "ISM_ROOMS_URL_FILE=/does/not/exist"); len(found.Malformed) != 1 || !found.Given["ISM_ROOMS_URL"] {
		t.Errorf("a file that is not there: %v", found)
	}
}

func TestSurveyOfWhatIsNoConfigurationFails(t *testing.T) {
	if _, err := Survey(nil, surveyedRooms{}); err == nil {
		t.Error("a struct was taken for a pointer to one")
	}
}
