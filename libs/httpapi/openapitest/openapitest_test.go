package openapitest_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi/openapitest"
)

const description = `
openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
paths:
  /things/{thing_id}:
    parameters:
      - { name: thing_id, in: path, required: true, schema: { type: string } }
    get:
      responses:
        "200":
          description: The thing.
          content:
            application/json:
              schema: { type: object, required: [name], properties: { name: { type: string } } }
        "202":
          description: Things, one a line.
          content:
            application/x-ndjson:
              schema: { type: object, required: [name], properties: { name: { type: string } } }
        "404":
          description: There is none.
          content:
            application/problem+json:
              schema: { type: object, required: [code], properties: { code: { type: string, enum: [not-found] } } }
`

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// recorder is a test that may fail without failing the one that looks at it.
type recorder struct {
	testing.TB

	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failures are those of what the function does.
func failures(t *testing.T, of func(tb testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		of(r)
	}()
	<-done
	return strings.Join(r.failures, "\n")
}

func TestRoutes(t *testing.T) {
	path := write(t, description)
	nothing := func(*fiber.Ctx) error { return nil }
	for name, c := range map[string]struct {
		mount func(*fiber.App)
		says  string
	}{
		"as described": {func(app *fiber.App) { app.Get("/things/:thing_id", nothing) }, ""},
		"with what each server has": {func(app *fiber.App) {
			app.Use(nothing)
			app.Get("/", nothing)
			app.Get("/health", nothing)
			app.Get("/ready", nothing)
			app.Group("/things", nothing).Get("/:thing_id", nothing)
		}, ""},
		"one missing":      {func(*fiber.App) {}, "GET /things/{thing_id}"},
		"one too many":     {func(app *fiber.App) { app.Get("/things/:thing_id", nothing).Get("/secrets", nothing) }, "GET /secrets"},
		"a method more":    {func(app *fiber.App) { app.Get("/things/:thing_id", nothing).Put("/things/:thing_id", nothing) }, "PUT /things/{thing_id}"},
		"a parameter else": {func(app *fiber.App) { app.Get("/things/:id", nothing) }, "GET /things/{id}"},
	} {
		t.Run(name, func(t *testing.T) {
			app := fiber.New()
			c.mount(app)
			got := failures(t, func(tb testing.TB) { openapitest.Check(tb, app, path) })
			if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("failures %q", got)
			}
		})
	}
}

// What comes before the handlers of routes with a token is easily forgotten, as no test of a handler meets it.
func TestWhatComesBeforeAHandlerIsDescribed(t *testing.T) {
	const before = `
        "401": { description: No token. }
        "403": { description: No scope. }
        "429": { description: Too much. }
        "500": { description: A fault. }
        "503": { description: No keys. }
`
	secured := strings.Replace(description, "paths:", "security: [{ bearer: [] }]\npaths:", 1) +
		"components: { securitySchemes: { bearer: { type: http, scheme: bearer } } }\n"
	whole := strings.Replace(secured, "components:", strings.TrimPrefix(before, "\n")+"components:", 1)
	for name, c := range map[string]struct{ document, says string }{
		"nothing of it":       {secured, "does not describe 401"},
		"all of it":           {whole, ""},
		"not the limit":       {strings.Replace(whole, `        "429": { description: Too much. }`+"\n", "", 1), "GET /things/{thing_id} does not describe 429"},
		"where all may enter": {strings.Replace(secured, "    get:\n", "    get:\n      security: []\n", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			app := fiber.New()
			app.Get("/things/:thing_id", func(*fiber.Ctx) error { return nil })
			got := failures(t, func(tb testing.TB) { openapitest.Check(tb, app, write(t, c.document)) })
			if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("failures %q", got)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	held := openapitest.Load(t, write(t, description))
	asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/things/7?q=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		described         bool
	}{
		"as described":      {200, "application/json", `{"name":"a","more":1}`, true},
		"a problem":         {404, "application/problem+json", `{"code":"not-found"}`, true},
		"a field missing":   {200, "application/json", `{}`, false},
		"a wrong type":      {200, "application/json", `{"name":7}`, false},
		"an unknown code":   {404, "application/problem+json", `{"code":"gone"}`, false},
		"an unknown status": {418, "application/json", `{"name":"a"}`, false},
		"a content type":    {200, "text/plain", `a`, false},
		"lines":             {202, "application/x-ndjson", `{"name":"a"}` + "\n" + `{"name":"b"}` + "\n", true},
		"no lines":          {202, "application/x-ndjson", "", true},
		"a wrong line":      {202, "application/x-ndjson", `{"name":"a"}` + "\n" + `{"name":7}` + "\n", false},
		"a line of no JSON": {202, "application/x-ndjson", `{"name":`, false},
		"lines elsewhere":   {200, "application/x-ndjson", `{"name":"a"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := failures(t, func(tb testing.TB) {
				held.Answer(tb, asked, c.status, http.Header{"Content-Type": {c.contentType}}, []byte(c.body))
			})
			if (got == "") != c.described {
				t.Errorf("failures %q", got)
			}
		})
	}
}

const shared = `
openapi: 3.1.0
info: { title: Shared, version: 1.0.0 }
components:
  schemas:
    Thing:
      type: object
      required: [kind, name, owner]
      properties:
        kind: { const: Thing }
        name: { type: [string, "null"] }
        owner: { $ref: "#/components/schemas/Owner" }
    Owner: { type: object, required: [since], properties: { since: { type: string, format: date-time } } }
`

// What stands in another file is as binding as what stands in the document itself.
func TestSchemasOfAnotherFile(t *testing.T) {
	path := write(t, `
openapi: 3.1.0
info: { title: Things, version: 1.0.0 }
paths:
  /things:
    get:
      responses:
        "200":
          description: The things.
          content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Thing" } } } }
components:
  schemas:
    Thing: { $ref: "shared.yaml#/components/schemas/Thing" }
`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "shared.yaml"), []byte(shared), 0o600); err != nil {
		t.Fatal(err)
	}
	held := openapitest.Load(t, path)
	asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/things", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	const owner = `{"since":"2026-11-23T12:30:45Z"}`
	for name, c := range map[string]struct {
		thing     string
		described bool
	}{
		"as described":         {`{"kind":"Thing","name":"a","owner":` + owner + `}`, true},
		"a null that may be":   {`{"kind":"Thing","name":null,"owner":` + owner + `}`, true},
		"a null that may not":  {`{"kind":"Thing","name":"a","owner":null}`, false},
		"a wrong type":         {`{"kind":"Thing","name":7,"owner":` + owner + `}`, false},
		"another constant":     {`{"kind":"Owner","name":"a","owner":` + owner + `}`, false},
		"a field missing":      {`{"kind":"Thing","owner":` + owner + `}`, false},
		"a wrong format below": {`{"kind":"Thing","name":"a","owner":{"since":"yesterday"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := failures(t, func(tb testing.TB) {
				held.Answer(tb, asked, http.StatusOK, http.Header{"Content-Type": {"application/json"}}, []byte("["+c.thing+"]"))
			})
			if (got == "") != c.described {
				t.Errorf("failures %q", got)
			}
			if err := held.Conforms("Thing", []byte(c.thing)); (err == nil) != c.described {
				t.Errorf("it conforms: %v", err)
			}
		})
	}
	if err := held.Conforms("Owner", []byte(owner)); err == nil {
		t.Error("a schema that the document does not name was found")
	}
}

func TestWhatIsNoDescription(t *testing.T) {
	for name, path := range map[string]string{
		"no file":       filepath.Join(t.TempDir(), "openapi.yaml"),
		"no YAML":       write(t, "{"),
		"not valid":     write(t, "openapi: 3.0.3\npaths: {}\n"),
		"a dangling id": write(t, strings.Replace(description, "schema: { type: string } }", `schema: { $ref: "#/components/schemas/None" } }`, 1)),
	} {
		if got := failures(t, func(tb testing.TB) { openapitest.Load(tb, path) }); got == "" {
			t.Errorf("%s: it is taken for one", name)
		}
	}
}
