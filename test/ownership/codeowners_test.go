// Package ownership holds CODEOWNERS to the folders that it names.
package ownership

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// rule is a line of CODEOWNERS. Of those that match a path the last one counts (docs.github.com, About code owners).
type rule struct {
	pattern string // "*", or a path from the root; a folder ends with "/"
	owners  []string
}

func (r rule) matches(path string) bool {
	return r.pattern == "*" || r.pattern == "/"+path || strings.HasSuffix(r.pattern, "/") && strings.HasPrefix("/"+path, r.pattern)
}

var line = regexp.MustCompile(`^(\*|/[\w./-]+)((?: +@[\w-]+/[\w-]+)+)$`)

func rules(t *testing.T) []rule {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "CODEOWNERS"))
	if err != nil {
		t.Fatal(err)
	}
	var all []rule
	for text := range strings.Lines(string(raw)) {
		text = strings.TrimRight(text, "\n")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		parts := line.FindStringSubmatch(text)
		if parts == nil {
			t.Errorf("a line is no pattern with owners behind it: %q", text)
			continue
		}
		all = append(all, rule{pattern: parts[1], owners: strings.Fields(parts[2])})
	}
	return all
}

func owners(all []rule, path string) []string {
	for _, r := range slices.Backward(all) {
		if r.matches(path) {
			return r.owners
		}
	}
	return nil
}

func TestEachPatternMatchesSomething(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules(t) {
		if seen[r.pattern] {
			t.Errorf("%s is there twice", r.pattern)
		}
		seen[r.pattern] = true
		if r.pattern == "*" {
			continue
		}
		found, err := os.Stat(filepath.Join(root, r.pattern))
		if err != nil {
			t.Errorf("%s matches nothing: %v", r.pattern, err)
		} else if found.IsDir() != strings.HasSuffix(r.pattern, "/") {
			t.Errorf("%s: a folder's pattern ends with a slash, a file's does not", r.pattern)
		}
	}
}

// What a service consists of has the service's team as its only owner, wherever it is.
func TestEachServiceIsOwnedByItsTeam(t *testing.T) {
	all := rules(t)
	folders, err := os.ReadDir(filepath.Join(root, "services"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("list the services: %v", err)
	}
	for _, folder := range folders {
		name := folder.Name()
		for _, path := range []string{
			"services/" + name + "/README.md",
			"deploy/compose/gateway/services/" + name + ".conf",
			"deploy/compose/prometheus/rules/" + name + ".yml",
			"deploy/compose/grafana/dashboards/" + name + ".json",
		} {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s lacks a file: %v", name, err)
			}
			if got := owners(all, path); !slices.Equal(got, []string{"@ism-chat/" + name}) {
				t.Errorf("%s is owned by %q", path, got)
			}
		}
		if got := owners(all, "libs/events/rooms.go"); !slices.Contains(got, "@ism-chat/"+name) {
			t.Errorf("%s is not asked about events, which are owned by %q", name, got)
		}
	}
}
