package rooms_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
)

func loadDescription(t *testing.T) *openapi3.T {
	t.Helper()
	description, err := openapi3.NewLoader().LoadFromFile("api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := description.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return description
}

func TestTheDescriptionHasTheRoutesThatThereAre(t *testing.T) {
	tel := telemetry.Discard(nil)
	service, err := rooms.New(rooms.Config{MaxMembers: 2}, rooms.Deps{
		Store: sqlite.New(sqlite.Config{}, tel), Verifier: authntest.New(t).Verifier(t, tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	var mounted, described []string
	for _, route := range app.GetRoutes(true) {
		if route.Method != http.MethodHead {
			mounted = append(mounted, route.Method+" "+strings.ReplaceAll(route.Path, ":room_id", "{room_id}"))
		}
	}
	for path, item := range loadDescription(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(mounted)
	slices.Sort(described)
	if !slices.Equal(mounted, described) {
		t.Errorf("mounted are\n%s\ndescribed are\n%s", strings.Join(mounted, "\n"), strings.Join(described, "\n"))
	}
}

// described holds answers to the description: each status of a described route, with its content type and schema.
type described struct{ router routers.Router }

func newDescribed(t *testing.T) described {
	t.Helper()
	router, err := legacy.NewRouter(loadDescription(t))
	if err != nil {
		t.Fatal(err)
	}
	return described{router}
}

func (d described) check(t *testing.T, asked *http.Request, got answer) {
	t.Helper()
	asked = asked.Clone(t.Context())
	asked.URL.Scheme, asked.URL.Host, asked.Body = "", "", nil
	route, parameters, err := d.router.FindRoute(asked)
	if err != nil {
		return // answered as no route, which other tests look at
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: parameters, Route: route},
		Status:                 got.status,
		Header:                 got.header,
		Body:                   io.NopCloser(bytes.NewReader(got.body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("the answer to %s %s is not as described: %v", asked.Method, asked.URL, err)
	}
}
