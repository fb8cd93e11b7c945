package httpapi_test

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi"
)

// A handler reads what it needs, and gives every refusal as a problem.
func Example() {
	type body struct {
		Name string `json:"name"`
	}
	rename := func(c *fiber.Ctx) error {
		room, err := httpapi.UUIDParam(c, "room_id")
		if err != nil {
			return err // 400 invalid-id
		}
		var asked body
		if err := httpapi.Decode(c, &asked); err != nil {
			return err // 400 malformed-json, 415, 422
		}
		if asked.Name == "" {
			return httpapi.InvalidRequest("name is empty") // 422 invalid-request
		}
		if len(asked.Name) > 100 {
			return httpapi.NewProblem(http.StatusUnprocessableEntity, "name-too-long", "Name too long", "a name has at most 100 bytes")
		}
		return c.JSON(fiber.Map{"id": room, "name": asked.Name})
	}
	fiber.New().Put("/api/rooms/:room_id/name", rename)
}
