// Package eventstest holds producers and consumers of events to the contract: the golden fixtures that both read, and the
// schema document that what they write must satisfy.
package eventstest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Record is an event as it stands in Kafka.
type Record struct {
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   json.RawMessage   `json:"value"`
}

// Golden gives every golden record by the name of its event and version, for example "room.created.v1".
func Golden(t testing.TB) map[string]Record {
	t.Helper()
	files, err := fs.Glob(events.Contract, "testdata/golden/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("find golden records: %v (%d found)", err, len(files))
	}
	records := make(map[string]Record, len(files))
	for _, file := range files {
		raw, err := fs.ReadFile(events.Contract, file)
		if err != nil {
			t.Fatalf("read golden record: %v", err)
		}
		var record Record
		if err := json.Unmarshal(raw, &record); err != nil {
			t.Fatalf("decode golden record %s: %v", file, err)
		}
		records[strings.TrimSuffix(path.Base(file), ".json")] = record
	}
	return records
}

// Conforms fails the test where a record does not satisfy the schema document, headers and value.
func Conforms(t testing.TB, headers map[string]string, value []byte) {
	t.Helper()
	schemas := load(t)
	payload, ok := schemas.payloads[headers["ce_type"]]
	if !ok {
		t.Fatalf("the schema document has no message %q", headers["ce_type"])
	}
	loose := make(map[string]any, len(headers))
	for name, text := range headers {
		loose[name] = text
	}
	if err := schemas.headers.Validate(loose); err != nil {
		t.Errorf("headers of %s: %v", headers["ce_type"], err)
	}
	if len(value) == 0 { // of a tombstone
		value = []byte("null")
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		t.Fatalf("value of %s is no JSON: %v", headers["ce_type"], err)
	}
	if err := payload.Validate(instance); err != nil {
		t.Errorf("value of %s: %v", headers["ce_type"], err)
	}
}

// Types gives the ce_type of every message in the schema document.
func Types(t testing.TB) []string {
	t.Helper()
	var types []string
	for name := range load(t).payloads {
		types = append(types, name)
	}
	return types
}

type schemas struct {
	headers  *jsonschema.Schema
	payloads map[string]*jsonschema.Schema // by ce_type
}

// The documents refer to each other as they lie in the repository.
const (
	documentURL = "file:///libs/events/asyncapi.yaml"
	wireURL     = "file:///libs/wire/schemas.yaml"
)

func load(t testing.TB) schemas {
	t.Helper()
	raw, err := fs.ReadFile(events.Contract, "asyncapi.yaml")
	if err != nil {
		t.Fatalf("read schema document: %v", err)
	}
	var document struct {
		Components struct {
			Messages map[string]struct {
				Name    string `yaml:"name"`
				Payload struct {
					Ref string `yaml:"$ref"`
				} `yaml:"payload"`
			} `yaml:"messages"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatalf("decode schema document: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for url, text := range map[string][]byte{documentURL: raw, wireURL: []byte(wire.Schemas)} {
		if err := compiler.AddResource(url, jsonOf(t, text)); err != nil {
			t.Fatalf("add schema document %s: %v", url, err)
		}
	}
	compile := func(pointer string) *jsonschema.Schema {
		schema, err := compiler.Compile(documentURL + pointer)
		if err != nil {
			t.Fatalf("compile schema %s: %v", pointer, err)
		}
		return schema
	}
	out := schemas{headers: compile("#/components/schemas/CloudEventHeaders"), payloads: map[string]*jsonschema.Schema{}}
	for _, message := range document.Components.Messages {
		out.payloads[message.Name] = compile(message.Payload.Ref)
	}
	return out
}

// jsonOf turns a document in YAML into what the JSON Schema compiler takes.
func jsonOf(t testing.TB, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("decode schema document: %v", err)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("schema document as JSON: %v", err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("schema document as JSON: %v", err)
	}
	return out
}
