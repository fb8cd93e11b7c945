package notifications_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications"
)

func TestNothingIsServedThatIsNotDescribed(t *testing.T) {
	service, err := notifications.New(notifications.Config{}, notifications.Deps{Telemetry: telemetry.Discard(nil)})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	openapitest.Check(t, app, "api/openapi.yaml")
}
