package media_test

import (
	"path/filepath"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/media/store/sqlite"
)

func TestNothingIsServedThatIsNotDescribed(t *testing.T) {
	t.Parallel()
	tel := telemetry.Discard(nil)
	rows, err := sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "media.db")}, tel)
	if err != nil {
		t.Fatal(err)
	}
	service, err := media.New(config(), media.Deps{Rows: rows, Bus: bus.New(bus.Config{}, tel), Verifier: authntest.New(t).Verifier(t, tel), Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	service.InternalRoutes(app)
	openapitest.Check(t, app, "api/openapi.yaml")
}
