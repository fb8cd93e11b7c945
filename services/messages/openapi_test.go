package messages_test

import (
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/membership"
)

const descriptionPath = "api/openapi.yaml"

func TestTheDescriptionHasTheRoutesThatThereAre(t *testing.T) {
	t.Parallel()
	tel := telemetry.Discard(nil)
	service, err := messages.New(messages.Config{LogTimeout: time.Second, Members: membership.Config{CacheBytes: 1 << 20}}, messages.Deps{
		Store: newSQLite(t), Rooms: newRooms(), Bus: bus.New(bus.Config{}, tel), Verifier: authntest.New(t).Verifier(t, tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	openapitest.Check(t, app, descriptionPath)
}
