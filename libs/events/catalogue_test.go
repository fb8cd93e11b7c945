package events_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
)

// What is left out when an event is added fails one of these tests, and the message says what to do.

func TestEveryTypeIsInTheCatalogue(t *testing.T) {
	var known []string
	for _, entry := range events.Catalogue() {
		known = append(known, reflect.TypeOf(entry.Zero).Name())
	}
	for _, name := range typesWithEventName(t) {
		if !slices.Contains(known, name) {
			t.Errorf("%s has an EventName and is not in the catalogue: add kindOf[%s](1, 0) to it, in catalogue.go", name, name)
		}
	}
}

// typesWithEventName gives the types of this package that have a method EventName.
func typesWithEventName(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "EventName" {
				continue
			}
			names = append(names, strings.TrimPrefix(types.ExprString(method.Recv.List[0].Type), "*"))
		}
	}
	return names
}

func TestEveryEventOfTheCatalogueIsComplete(t *testing.T) {
	golden, document := eventstest.Golden(t), asyncAPI(t)
	for _, entry := range events.Catalogue() {
		t.Run(entry.Name, func(t *testing.T) {
			if _, ok := samples()[entry.Name]; !ok {
				t.Errorf("it has no sample: add one to samples, in events_test.go, under %q", entry.Name)
			}
			record, ok := golden[entry.Name]
			switch {
			case !ok:
				t.Error("it has no golden record: run make generate")
			case record.Headers["ce_type"] != "ism."+entry.Name || record.Headers["ce_dataschema"] != entry.Schema:
				t.Errorf("the golden record is of type %s and schema %s, the catalogue says ism.%s and %s: run make generate",
					record.Headers["ce_type"], record.Headers["ce_dataschema"], entry.Name, entry.Schema)
			}
			if _, ok := entry.Zero.(events.RoomEvent); !ok && entry.Zero.Topic() == events.TopicRooms {
				t.Errorf("it is written to %s and is no RoomEvent, so readers of memberships would pass over it: embed Audience, and give it InRoom", entry.Zero.Topic())
			}
			if _, ok := entry.Zero.(events.UserEvent); !ok && entry.Zero.Topic() == events.TopicUsers {
				t.Errorf("it is written to %s and is no UserEvent, so edges would pass over it: give it ForUser", entry.Zero.Topic())
			}
			document.describes(t, entry)
		})
	}
}

// asyncAPIDocument is what these tests read of asyncapi.yaml.
type asyncAPIDocument struct {
	Channels map[string]struct {
		Address  string         `yaml:"address"`
		Messages map[string]any `yaml:"messages"`
	} `yaml:"channels"`
	Operations map[string]struct {
		Action   string      `yaml:"action"`
		Messages []reference `yaml:"messages"`
	} `yaml:"operations"`
	Components struct {
		Messages map[string]struct {
			Name    string    `yaml:"name"`
			Payload reference `yaml:"payload"`
		} `yaml:"messages"`
		Schemas map[string]struct {
			Required   []string       `yaml:"required"`
			Properties map[string]any `yaml:"properties"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

type reference struct {
	Ref string `yaml:"$ref"`
}

func asyncAPI(t *testing.T) asyncAPIDocument {
	t.Helper()
	raw, err := fs.ReadFile(events.Contract, "asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document asyncAPIDocument
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// describes fails the test where the document does not have the event's message, its schema, its channel and its operations.
func (d asyncAPIDocument) describes(t *testing.T, entry events.Entry) {
	t.Helper()
	key := ""
	for name, message := range d.Components.Messages {
		if message.Name == "ism."+entry.Name {
			key = name
		}
	}
	if key == "" {
		t.Errorf("asyncapi.yaml has no message of the name ism.%s: add it under components.messages, with its payload under components.schemas", entry.Name)
		return
	}
	schema := reflect.TypeOf(entry.Zero).Name()
	if want := "#/components/schemas/" + schema; d.Components.Messages[key].Payload.Ref != want {
		t.Errorf("the payload of the message %s in asyncapi.yaml is %q: make it %q", key, d.Components.Messages[key].Payload.Ref, want)
	}
	inGo, required := fieldsOf(reflect.TypeOf(entry.Zero))
	if entry.Seen != nil {
		seen, _ := fieldsOf(reflect.TypeOf(entry.Seen))
		inGo = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(inGo), seen...))))
	}
	if described := slices.Sorted(maps.Keys(d.Components.Schemas[schema].Properties)); !slices.Equal(described, inGo) {
		t.Errorf("the Go type has the fields %v, its schema in asyncapi.yaml %v: bring them together; a new field is optional and takes the next minor version in the catalogue", inGo, described)
	}
	if described := slices.Sorted(slices.Values(d.Components.Schemas[schema].Required)); !slices.Equal(described, required) {
		t.Errorf("without omitempty in Go are %v, required in asyncapi.yaml are %v: bring them together", required, described)
	}
	hasChannel := false
	for name, channel := range d.Channels {
		if channel.Address != entry.Zero.Topic() {
			continue
		}
		hasChannel = true
		if _, ok := channel.Messages[key]; !ok {
			t.Errorf("asyncapi.yaml does not have the message %s in its channel: add it to channels.%s.messages", key, name)
		}
	}
	if !hasChannel {
		t.Errorf("asyncapi.yaml has no channel with the address %s: add it to channels, with the message %s", entry.Zero.Topic(), key)
	}
	actions := map[string]bool{}
	for _, operation := range d.Operations {
		for _, message := range operation.Messages {
			if strings.HasSuffix(message.Ref, "/messages/"+key) {
				actions[operation.Action] = true
			}
		}
	}
	if !actions["send"] || !actions["receive"] {
		t.Errorf("asyncapi.yaml does not say who sends and who receives the message %s: add it to the operations of both", key)
	}
}

// fieldsOf gives the JSON names of a struct's fields, those of embedded structs among them, and of those that are always there.
func fieldsOf(of reflect.Type) (all, required []string) {
	for _, field := range reflect.VisibleFields(of) {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "" {
			continue
		}
		all = append(all, name)
		if option != "omitempty" && option != "omitzero" {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}
