// Package eventstest holds producers and consumers of events to the contract: the golden fixtures that both read, and the
// schema document that what they write must satisfy.
package eventstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
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

// compiled is what a program of tests compiles once: it takes a tenth of a second.
var compiled = sync.OnceValues(compile)

func load(t testing.TB) schemas {
	t.Helper()
	all, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func compile() (schemas, error) {
	raw, err := fs.ReadFile(events.Contract, "asyncapi.yaml")
	if err != nil {
		return schemas{}, fmt.Errorf("read schema document: %w", err)
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
		return schemas{}, fmt.Errorf("decode schema document: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for url, text := range map[string][]byte{documentURL: raw, wireURL: []byte(wire.Schemas)} {
		value, err := jsonOf(text)
		if err == nil {
			err = compiler.AddResource(url, value)
		}
		if err != nil {
			return schemas{}, fmt.Errorf("add schema document %s: %w", url, err)
		}
	}
	headers, err := compiler.Compile(documentURL + "#/components/schemas/CloudEventHeaders")
	if err != nil {
		return schemas{}, fmt.Errorf("compile the schema of headers: %w", err)
	}
	out := schemas{headers: headers, payloads: map[string]*jsonschema.Schema{}}
	for _, message := range document.Components.Messages {
		if out.payloads[message.Name], err = compiler.Compile(documentURL + message.Payload.Ref); err != nil {
			return schemas{}, fmt.Errorf("compile the schema of %s: %w", message.Name, err)
		}
	}
	return out, nil
}

// jsonOf turns a document in YAML into what the JSON Schema compiler takes.
func jsonOf(text []byte) (any, error) {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("as JSON: %w", err)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}
