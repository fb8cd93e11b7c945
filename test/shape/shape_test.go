// Package shape holds the repository to the shape that docs/architecture.md and CONTRIBUTING.md describe. A step that was forgotten when
// something was added fails here, with what is missing.
package shape

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
)

const top = "../.."

func services(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(top, "services"))
	if err != nil || len(entries) < 5 {
		t.Fatalf("%d services, %v", len(entries), err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, path))
	if err != nil {
		t.Errorf("missing: %v", err)
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join(top, path))
	return err == nil
}

func TestEveryServiceHasTheSameFiles(t *testing.T) {
	for _, name := range services(t) {
		files := []string{
			name + ".go", "config.go", "routes.go", "program.go", "cmd/" + name + "/main.go", "api/openapi.yaml", "README.md", "go.mod",
		}
		if regexp.MustCompile(`\bapi\.[A-Z]`).MatchString(read(t, "services/"+name+"/routes.go")) {
			files = append(files, "problems.go")
		}
		if exists("services/" + name + "/store") {
			files = append(files, "store/store.go", "store/storetest/storetest.go")
		}
		for _, file := range files {
			if !exists("services/" + name + "/" + file) {
				t.Errorf("services/%s has no %s", name, file)
			}
		}
		for _, declared := range []string{"type Deps struct", "type Service struct", "func New(", "var _ deployable.Service = (*Service)(nil)", ") Parts() []lifecycle.Part", ") Checks() []httpapi.Check"} {
			if !strings.Contains(read(t, "services/"+name+"/"+name+".go"), declared) {
				t.Errorf("services/%s/%s.go has no %q", name, name, declared)
			}
		}
	}
}

// What runs, routes, scrapes, alerts on, documents and owns a service, each with a line that names it.
func TestEveryServiceIsKnownEverywhere(t *testing.T) {
	for _, name := range services(t) {
		for file, line := range map[string]string{
			"go.work":                     `(?m)^\t\./services/NAME$`,
			"Makefile":                    `(?m)^SERVICES := .*\bNAME\b`,
			"CODEOWNERS":                  `(?m)^/services/NAME/ `,
			"README.md":                   `services/NAME`,
			"deploy/Dockerfile":           `AS NAME-source`,
			"deploy/compose/compose.yaml": `(?m)^  NAME:$`,
			"deploy/compose/up":           `(?m)^for service in .*\bNAME\b`,
			"test/run":                    `\bNAME\b`,
			"docs/configuration.md":       `(?m)^## NAME$`,
			"docs/architecture.md":        `(?m)^\| NAME \|`,
			"test/deployment/compose.go":  `"NAME"`,
			"cmd/ism/internal/oneprocess/oneprocess.go":           `NAME\.New\(`,
			"cmd/ism/internal/doctor/settings.go":                 `NAME\.ProgramConfig`,
			"deploy/compose/gateway/services/" + name + ".conf":   `NAME`,
			"deploy/compose/prometheus/rules/" + name + ".yml":    `NAME`,
			"deploy/compose/grafana/dashboards/" + name + ".json": `NAME`,
			"services/" + name + "/README.md":                     `NAME`,
		} {
			if !regexp.MustCompile(strings.ReplaceAll(line, "NAME", name)).MatchString(read(t, file)) {
				t.Errorf("%s does not know the service %s: nothing matches %s", file, name, line)
			}
		}
	}
}

var inBackticks = regexp.MustCompile("`((?:libs|services|cmd|test|clients|deploy)/[a-zA-Z0-9_/.-]+)`(?: \\(`([a-z_]+\\.go)`\\))?")

func TestTheArchitectureNamesWhatThereIs(t *testing.T) {
	named := inBackticks.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1)
	if len(named) < 15 {
		t.Fatalf("only %d paths are named", len(named))
	}
	for _, name := range named {
		if path := filepath.Join(name[1], name[2]); !strings.Contains(path, "NAME") && !exists(path) {
			t.Errorf("docs/architecture.md names %s, which there is not", path)
		}
	}
}

func TestEveryStoreOperationHasAConformanceTest(t *testing.T) {
	checked := 0
	for _, name := range services(t) {
		for _, contract := range contracts(t, "services/"+name+"/store") {
			suite := textOf(t, goFiles(t, filepath.Join(top, contract.suite)))
			// What a store makes of its backends' operations is called by the suite, and calls them.
			beside, err := filepath.Glob(filepath.Join(top, filepath.Dir(contract.file), "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			used := suite + textOf(t, beside)
			for _, operation := range operations(t, filepath.Join(top, contract.file)) {
				checked++
				if !strings.Contains(used, "."+operation+"(") {
					t.Errorf("%s declares %s, and %s never calls it", contract.file, operation, contract.suite)
				}
			}
			if filepath.Base(contract.file) != "store.go" {
				continue
			}
			for _, method := range methodsOfStore.FindAllStringSubmatch(textOf(t, beside), -1) {
				checked++
				if !strings.Contains(suite, "."+method[1]+"(") {
					t.Errorf("the store of %s has %s, and %s never calls it", name, method[1], contract.suite)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d operations were found", checked)
	}
}

// methodsOfStore are what a store makes of its backends' operations.
var methodsOfStore = regexp.MustCompile(`(?m)^func \(s \*Store\) ([A-Z]\w*)\(`)

// textOf is all that files say.
func textOf(t *testing.T, files []string) string {
	t.Helper()
	var text strings.Builder
	for _, file := range files {
		text.WriteString(read(t, strings.TrimPrefix(file, top+"/")))
	}
	return text.String()
}

// contract is a file that says what a service needs of its store, and the folder of the suite that holds backends to it.
type contract struct{ file, suite string }

// contracts are those of a store: its own, and those of the packages in it that have a suite.
func contracts(t *testing.T, store string) []contract {
	t.Helper()
	var all []contract
	if exists(store + "/store.go") {
		all = append(all, contract{store + "/store.go", store + "/storetest"})
	}
	suites, err := filepath.Glob(filepath.Join(top, store, "*", "*test"))
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range suites {
		folder := strings.TrimPrefix(filepath.Dir(suite), top+"/")
		name := filepath.Base(folder)
		if filepath.Base(suite) == name+"test" && exists(folder+"/"+name+".go") && !exists(folder+"/migrations") {
			all = append(all, contract{folder + "/" + name + ".go", strings.TrimPrefix(suite, top+"/")})
		}
	}
	return all
}

// operations are the methods of the exported interfaces of a file.
func operations(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok || !spec.Name.IsExported() {
			return true
		}
		if contract, ok := spec.Type.(*ast.InterfaceType); ok {
			for _, method := range contract.Methods.List {
				for _, name := range method.Names {
					names = append(names, name.Name)
				}
			}
		}
		return true
	})
	return names
}

func goFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var startsGoroutine = regexp.MustCompile(`(?m)^\s*go func|\bgo [a-z]\w*\.|\.Go\(func`)

// A goroutine that nobody waits for is found where its package's tests look for it.
func TestPackagesThatStartGoroutinesLookForLeaks(t *testing.T) {
	checked := 0
	for _, under := range []string{"libs", "services", "cmd", "clients"} {
		err := filepath.WalkDir(filepath.Join(top, under), func(folder string, entry os.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return err
			}
			var starts, tests, looks bool
			for _, file := range goFiles(t, folder) {
				text := read(t, strings.TrimPrefix(file, top+"/"))
				if strings.HasSuffix(file, "_test.go") {
					tests = true
					looks = looks || strings.Contains(text, "VerifyTestMain(") || strings.Contains(text, "VerifyNoLeaks(")
				} else {
					starts = starts || startsGoroutine.MatchString(text)
				}
			}
			if starts && tests {
				checked++
				if !looks {
					t.Errorf("%s starts goroutines, and its tests do not look for those that are left: add TestMain with servicetest.VerifyNoLeaks",
						strings.TrimPrefix(folder, top+"/"))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if checked < 5 {
		t.Errorf("only %d packages were looked at", checked)
	}
}

var (
	variable = regexp.MustCompile(`\bISM_[A-Z0-9_]+\b`)
	topicRow = regexp.MustCompile("(?m)^\\| `(ism\\.[a-z-]+)` \\| (\\d+) \\|")
)

// documents are those that people write by hand.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "services/*/README.md", "deploy/compose/*/README.md", "bench/README.md"} {
		files, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			file = strings.TrimPrefix(file, top+"/")
			if !strings.HasPrefix(file, "docs/configuration") {
				texts[file] = read(t, file)
			}
		}
	}
	return texts
}

func TestDocumentsNameSettingsThatThereAre(t *testing.T) {
	known := map[string]bool{}
	for _, name := range variable.FindAllString(read(t, "docs/configuration.md"), -1) {
		known[name] = true
	}
	named := 0
	for file, text := range documents(t) {
		for _, name := range variable.FindAllString(text, -1) {
			named++
			isGroup := strings.HasSuffix(name, "_") // of which the text speaks as a whole, for example ISM_ROOMS_
			if !known[name] && !isGroup && !strings.HasPrefix(name, "ISM_TEST_") {
				t.Errorf("%s names %s, which no program reads: see docs/configuration.md", file, name)
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d settings are named", named)
	}
}

func TestOperationsSayHowTopicsAreMade(t *testing.T) {
	described := map[string]string{}
	for _, row := range topicRow.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		described[row[1]] = row[2]
	}
	table := bus.New(bus.Config{Replication: 1}, telemetry.Discard(nil)).Table()
	for _, topic := range table {
		if partitions := strconv.Itoa(topic.Partitions); described[topic.Name] != partitions {
			t.Errorf("docs/operations.md gives %s %q partitions, it is made with %s", topic.Name, described[topic.Name], partitions)
		}
	}
	if len(described) != len(table) {
		t.Errorf("docs/operations.md describes %d topics, there are %d", len(described), len(table))
	}
}
