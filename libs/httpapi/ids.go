package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// uuidLength is the length of a UUID in the form of RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits.
const uuidLength = 36

// ParseUUID reads an id in the form of RFC 9562, and reports whether it is one. No other form is taken.
func ParseUUID(text string) (id uuid.UUID, ok bool) {
	if len(text) != uuidLength {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// UUIDParam reads a path parameter that is an id. The error is the problem invalid-id.
func UUIDParam(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, ok := ParseUUID(c.Params(name))
	if !ok {
		return uuid.Nil, NoUUIDInPath()
	}
	return id, nil
}

// NoUUIDInPath is the problem of a path that has no id where one belongs.
func NoUUIDInPath() *Problem { return invalidID("the path has no UUID where one belongs") }

// UUIDQuery reads a query parameter that is an id. The error is the problem invalid-id.
func UUIDQuery(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, ok := ParseUUID(c.Query(name))
	if !ok {
		return uuid.Nil, invalidID("the query's " + name + " is no UUID")
	}
	return id, nil
}

func invalidID(detail string) *Problem {
	return NewProblem(http.StatusBadRequest, "invalid-id", "Invalid id", detail)
}
