// Package openapitest holds a service to its description, an OpenAPI 3 document: its routes and its answers.
package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/gofiber/fiber/v2"
)

// Description is a service's OpenAPI document.
type Description struct {
	document *openapi3.T
	router   routers.Router
}

// Load reads and validates the document at path, with the files that it refers to.
func Load(tb testing.TB, path string) *Description {
	tb.Helper()
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = true
	document, err := loader.LoadFromFile(path)
	if err != nil {
		tb.Fatalf("load %s: %v", path, err)
	}
	// The validator passes over what a reference to another file demands, unless the schema is made part of the document.
	document.InternalizeRefs(tb.Context(), nil)
	if err := document.Validate(context.Background()); err != nil {
		tb.Fatalf("%s is no valid description: %v", path, err)
	}
	router, err := legacy.NewRouter(document)
	if err != nil {
		tb.Fatalf("route by %s: %v", path, err)
	}
	return &Description{document: document, router: router}
}

// Check fails the test where the app's routes are not those of the document at path.
func Check(tb testing.TB, app *fiber.App, path string) {
	tb.Helper()
	Load(tb, path).Routes(tb, app)
}

// Conforms gives an error where a JSON value does not satisfy the document's schema of the name.
func (d *Description) Conforms(schema string, value []byte) error {
	described, ok := d.document.Components.Schemas[schema]
	if !ok {
		return fmt.Errorf("the description has no schema %s", schema)
	}
	var decoded any
	if err := json.Unmarshal(value, &decoded); err != nil {
		return fmt.Errorf("decode a %s: %w", schema, err)
	}
	return described.Value.VisitJSON(decoded, openapi3.EnableJSONSchema2020())
}

var parameter = regexp.MustCompile(`(^|[^\\]):([a-z_]+)`)

// described is a route's path as descriptions have it.
func described(path string) string {
	return strings.ReplaceAll(parameter.ReplaceAllString(path, "$1{$2}"), `\:`, ":")
}

// everywhere are the routes that each server has by itself. They need not be described.
var everywhere = []string{"GET /", "GET /health", "GET /ready"}

// beforeHandlers are the answers that a route may give before its handler: what is behind a token is refused without one (401), without the scope that is
// needed (403), over a limit of requests (429), and while tokens cannot be verified (503).
var beforeHandlers = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}

// Routes fails the test where a route of the app is not described, a described one is not there, or one with a token leaves out what comes before its handler.
// HEAD comes with GET.
func (d *Description) Routes(tb testing.TB, app *fiber.App) {
	tb.Helper()
	var mounted, documented []string
	for _, route := range app.GetRoutes(true) {
		if route.Method != http.MethodHead {
			mounted = append(mounted, route.Method+" "+described(route.Path))
		}
	}
	for path, item := range d.document.Paths.Map() {
		for method, operation := range item.Operations() {
			documented = append(documented, method+" "+path)
			if !d.takesToken(operation) {
				continue
			}
			for _, status := range beforeHandlers {
				if operation.Responses.Status(status) == nil {
					tb.Errorf("%s %s does not describe %d", method, path, status)
				}
			}
		}
	}
	mounted = slices.DeleteFunc(mounted, func(route string) bool {
		return slices.Contains(everywhere, route) && !slices.Contains(documented, route)
	})
	slices.Sort(mounted)
	slices.Sort(documented)
	if !slices.Equal(mounted, documented) {
		tb.Errorf("mounted are\n%s\ndescribed are\n%s", strings.Join(mounted, "\n"), strings.Join(documented, "\n"))
	}
}

// takesToken reports whether an operation demands something of who calls it.
func (d *Description) takesToken(operation *openapi3.Operation) bool {
	if operation.Security != nil {
		return len(*operation.Security) > 0
	}
	return len(d.document.Security) > 0
}

// mimeLines is the content type of JSON lines, each of which has the schema.
const mimeLines = "application/x-ndjson"

// Answer fails the test where an answer to a request is not as described: its status, content type and schema, which is that of each line where
// it answers in JSON lines. An answer to what is no described route is not looked at.
func (d *Description) Answer(tb testing.TB, asked *http.Request, status int, header http.Header, body []byte) {
	tb.Helper()
	asked = asked.Clone(context.Background())
	asked.URL.Scheme, asked.URL.Host, asked.Body = "", "", nil
	route, parameters, err := d.router.FindRoute(asked)
	if err != nil {
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: parameters, Route: route},
		Status:                 status,
		Header:                 header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: header.Get("Content-Type") == mimeLines},
	}
	err = openapi3filter.ValidateResponse(context.Background(), input)
	if err == nil && input.Options.ExcludeResponseBody {
		err = linesAre(route, status, body)
	}
	if err != nil {
		tb.Errorf("the answer to %s %s is not as described: %v", asked.Method, asked.URL, err)
	}
}

// linesAre reports where a line of an answer is not as described.
func linesAre(route *routers.Route, status int, body []byte) error {
	content := route.Operation.Responses.Status(status).Value.Content[mimeLines]
	if content == nil {
		return fmt.Errorf("%s is not described for %d", mimeLines, status)
	}
	options := []openapi3.SchemaValidationOption{openapi3.VisitAsResponse()}
	if route.Spec.IsOpenAPI31OrLater() {
		options = append(options, openapi3.EnableJSONSchema2020())
	}
	for line := range bytes.Lines(body) {
		var value any
		if err := json.Unmarshal(line, &value); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		if err := content.Schema.Value.VisitJSON(value, options...); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
	}
	return nil
}
