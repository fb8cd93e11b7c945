package media_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media"
)

func TestNothingIsServedThatIsNotDescribed(t *testing.T) {
	service, err := media.New(media.Config{}, media.Deps{Telemetry: telemetry.Discard(nil)})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	openapitest.Check(t, app, "api/openapi.yaml")
}
