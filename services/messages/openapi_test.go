package messages_test

import (
	"bytes"
	"context"
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
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/membership"
)

func loadDescription(tb testing.TB) *openapi3.T {
	tb.Helper()
	description, err := openapi3.NewLoader().LoadFromFile("api/openapi.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	if err := description.Validate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return description
}

func TestTheDescriptionHasTheRoutesThatThereAre(t *testing.T) {
	tel := telemetry.Discard(nil)
	service, err := messages.New(messages.Config{Members: membership.Config{CacheRooms: 1}}, messages.Deps{
		Store: newSQLite(t), Rooms: newRooms(), Bus: bus.New(bus.Config{}, tel), Verifier: authntest.New(t).Verifier(t, tel), Telemetry: tel,
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

func newDescribed(tb testing.TB) described {
	tb.Helper()
	router, err := legacy.NewRouter(loadDescription(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return described{router}
}

func (d described) check(tb testing.TB, asked *http.Request, got answer) {
	tb.Helper()
	asked = asked.Clone(context.Background())
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
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		tb.Errorf("the answer to %s %s is not as described: %v", asked.Method, asked.URL, err)
	}
}
