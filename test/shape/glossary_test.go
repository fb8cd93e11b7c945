package shape

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var goName = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w+)(?:\\.([A-Z]\\w+))?`")

func TestTheGlossaryNamesWhatTheCodeHas(t *testing.T) {
	declared, _ := names(t)
	named := goName.FindAllStringSubmatch(read(t, "docs/glossary.md"), -1)
	if len(named) < 40 {
		t.Fatalf("only %d Go names are in the glossary", len(named))
	}
	for _, name := range named {
		whole := strings.TrimSuffix(name[1]+"."+name[2]+"."+name[3], ".")
		if !declared[whole] {
			t.Errorf("docs/glossary.md names %s, which the code does not have", whole)
		}
	}
}

// retired are words that had another word's meaning, or several. Each is an exception where it is somebody else's name.
var retired = map[string][]string{
	"fan":      nil,
	"fanout":   nil,
	"patience": nil,
	"patient":  nil,
	"place":    nil,
	"places":   nil,
	"judged":   nil,
}

func TestRetiredWordsAreNoNames(t *testing.T) {
	_, used := names(t)
	for identifier, files := range used {
		for _, word := range words(identifier) {
			if allowed, isRetired := retired[word]; isRetired {
				for _, file := range files {
					if !slices.Contains(allowed, file) {
						t.Errorf("%s: %s has the retired word %q: see docs/glossary.md", file, identifier, word)
					}
				}
			}
		}
	}
}

// words are the parts of a camel-case name, in lower case.
func words(identifier string) []string {
	var parts []string
	begin := 0
	for i, r := range identifier {
		if unicode.IsUpper(r) {
			parts, begin = append(parts, identifier[begin:i]), i
		}
	}
	parts = append(parts, identifier[begin:])
	for i := range parts {
		parts[i] = strings.ToLower(parts[i])
	}
	return parts
}

// names gives what packages declare, as package.Type, package.Function, package.Type.Method or package.Type.Field, and the files in which each
// identifier is declared.
func names(t *testing.T) (declared map[string]bool, files map[string][]string) {
	t.Helper()
	declared, files = map[string]bool{}, map[string][]string{}
	for _, under := range []string{"libs", "services", "cmd", "clients", "test", "bench"} {
		err := filepath.WalkDir(filepath.Join(top, under), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			file := strings.TrimPrefix(path, top+"/")
			for _, name := range declarations(parsed) {
				declared[parsed.Name.Name+"."+name] = true
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				for _, identifier := range introduced(node) {
					if name := identifier.Name; !slices.Contains(files[name], file) {
						files[name] = append(files[name], file)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return declared, files
}

// introduced are the identifiers that a node gives a meaning to.
func introduced(node ast.Node) []*ast.Ident {
	switch node := node.(type) {
	case *ast.FuncDecl:
		return []*ast.Ident{node.Name}
	case *ast.TypeSpec:
		return []*ast.Ident{node.Name}
	case *ast.ValueSpec:
		return node.Names
	case *ast.Field:
		return node.Names
	case *ast.AssignStmt:
		var all []*ast.Ident
		for _, left := range node.Lhs {
			if identifier, ok := left.(*ast.Ident); ok && node.Tok == token.DEFINE {
				all = append(all, identifier)
			}
		}
		return all
	default:
		return nil
	}
}

func declarations(file *ast.File) []string {
	var all []string
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			name := declaration.Name.Name
			if declaration.Recv != nil {
				name = receiver(declaration.Recv.List[0].Type) + "." + name
			}
			all = append(all, name)
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						all = append(all, name.Name)
					}
				case *ast.TypeSpec:
					all = append(all, spec.Name.Name)
					if structure, ok := spec.Type.(*ast.StructType); ok {
						for _, field := range structure.Fields.List {
							for _, name := range field.Names {
								all = append(all, spec.Name.Name+"."+name.Name)
							}
						}
					}
				}
			}
		}
	}
	return all
}

func receiver(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.StarExpr:
		return receiver(expression.X)
	case *ast.IndexExpr:
		return receiver(expression.X)
	case *ast.Ident:
		return expression.Name
	default:
		return ""
	}
}
