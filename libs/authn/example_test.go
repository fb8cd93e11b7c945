package authn_test

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/telemetry"
)

// A route that needs a token has Require before its handler, which then knows who calls. The verifier is a part of the deployable, which runs it.
func ExampleVerifier_Require() {
	verifier, err := authn.New(authn.Config{Issuer: "https://id.example.com/realms/ism", Audience: []string{"ism"}}, telemetry.Discard(nil))
	if err != nil {
		return
	}
	app := fiber.New()
	app.Get("/api/whoami", verifier.Require(), func(c *fiber.Ctx) error {
		caller := authn.Caller(c)
		return c.JSON(fiber.Map{"id": caller.UserID, "name": caller.Username})
	})
}
