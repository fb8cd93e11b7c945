package eventstest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schemas of what clients see stand in another document. They must be as binding as those of the events.
func TestSchemasOfTheWireAreChecked(t *testing.T) {
	created := load(t).payloads["ism.room.created.v1"]
	golden := Golden(t)["room.created.v1"].Value
	for _, c := range []struct {
		name     string
		of       func(value map[string]any) map[string]any
		nullable []string
	}{
		{"room", func(value map[string]any) map[string]any { return value["room"].(map[string]any) }, []string{"roomImageUrl", "roomName"}},
		{
			"member", func(value map[string]any) map[string]any { return value["members"].([]any)[0].(map[string]any) },
			[]string{"profilePicture", "lastMessageReadAt"},
		},
	} {
		check := func(field string, instead any) error {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(golden))
			if err != nil {
				t.Fatal(err)
			}
			c.of(value.(map[string]any))[field] = instead
			return created.Validate(value)
		}
		var whole map[string]any
		if err := json.Unmarshal(golden, &whole); err != nil {
			t.Fatal(err)
		}
		for field := range maps.Keys(c.of(whole)) {
			if err := check(field, nil); (err == nil) != slices.Contains(c.nullable, field) {
				t.Errorf("%s.%s with null: %v", c.name, field, err)
			}
			wrong := any(json.Number("7"))
			if _, number := c.of(whole)[field].(float64); number {
				wrong = "seven"
			}
			if err := check(field, wrong); err == nil {
				t.Errorf("%s.%s may be %v", c.name, field, wrong)
			}
		}
	}
}
