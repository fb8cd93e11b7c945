package deployment

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Operation is one that a service describes: a method, and a path with placeholders, as in GET /api/rooms/{room_id}.
type Operation struct{ Method, Path string }

// Operations are all that the services' OpenAPI documents describe, for the outside and for each other.
func Operations(t testing.TB) (all []Operation) {
	t.Helper()
	documents, err := filepath.Glob(filepath.Join(root(t), "services", "*", "api", "openapi.yaml"))
	if err != nil || len(documents) == 0 {
		t.Fatalf("there are no OpenAPI documents, %v", err)
	}
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		var described struct {
			Paths map[string]map[string]yaml.Node `yaml:"paths"`
		}
		if err := yaml.Unmarshal(text, &described); err != nil {
			t.Fatalf("read %s: %v", document, err)
		}
		for path, methods := range described.Paths {
			for method := range methods {
				if slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
					all = append(all, Operation{strings.ToUpper(method), path})
				}
			}
		}
	}
	return all
}
