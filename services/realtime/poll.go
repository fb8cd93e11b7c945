package realtime

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/realtime/internal/poll"
)

const (
	defaultPollTimeout = 25 * time.Second // below what proxies wait for an answer
	maxPollTimeout     = 50 * time.Second
)

// poll handles GET /api/poll.
func (s *Service) poll(c *fiber.Ctx) error {
	timeout, err := pollTimeout(httpapi.ArgsOf(c))
	if err != nil {
		return err
	}
	if err := s.edge.Await(c.UserContext()); err != nil {
		return problemOf(err)
	}
	select {
	case s.polls <- struct{}{}:
		defer func() { <-s.polls }()
	default:
		return httpapi.Unavailable("too-many-streams", "Too many streams", "this node cannot take another poll", nil)
	}
	caller := authn.Caller(c)
	// The request's own deadline is for work: a poll waits.
	waiting, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), min(timeout, time.Until(caller.ExpiresAt)))
	defer cancel()
	defer s.waiting.add(caller.Session(), cancel)()
	// A session may have ended before it was entered, or end during the wait: what its user must not see any more is not told.
	if s.signedOut(caller.Session()) {
		return authn.Unauthorized()
	}
	answer, err := poll.Poll(c.UserContext(), waiting, s.deps.Draining, s.edge, caller.UserID, lastEventID(c))
	if err != nil {
		return problemOf(err)
	}
	if s.signedOut(caller.Session()) {
		return authn.Unauthorized()
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(answer)
}

func pollTimeout(args httpapi.Args) (time.Duration, error) {
	text, given := args("timeout")
	if !given {
		return defaultPollTimeout, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 || seconds > int(maxPollTimeout/time.Second) {
		return 0, httpapi.InvalidRequest("timeout must be a whole number of seconds, 0 to 50")
	}
	return time.Duration(seconds) * time.Second, nil
}
