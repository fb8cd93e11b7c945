package rooms_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
)

const descriptionPath = "api/openapi.yaml"

func TestTheDescriptionHasTheRoutesThatThereAre(t *testing.T) {
	tel := telemetry.Discard(nil)
	service, err := rooms.New(rooms.Config{MaxMembers: 2}, rooms.Deps{
		Store: sqlite.New(sqlite.Config{}, tel), Bus: bus.New(bus.Config{}, tel), Verifier: authntest.New(t).Verifier(t, tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	openapitest.Check(t, app, descriptionPath)
}
