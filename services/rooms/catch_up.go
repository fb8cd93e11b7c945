package rooms

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi"
)

// errNotCaughtUp says that messages which the log had when it was asked have not been taken into the rooms within the time for it.
var errNotCaughtUp = errors.New("the rooms are behind the log")

// catchUp waits, if the request asks for that by caughtUp=true, until the rooms have taken what the log has by now. A client that has opened a stream
// asks for it: what the stream does not give, the answer then has. The error is a problem.
func (s *Service) catchUp(c *fiber.Ctx) error {
	text, given := httpapi.ArgsOf(c)("caughtUp")
	switch {
	case !given:
		return nil
	case text != "true":
		return httpapi.InvalidRequest("caughtUp must be true, or missing")
	case !s.progress.AwaitAll(c.UserContext()):
		return problemOf(errNotCaughtUp)
	default:
		return nil
	}
}
