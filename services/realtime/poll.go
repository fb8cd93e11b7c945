package realtime

import (
	"context"
	"strconv"
	"sync"
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
	timeout, err := pollTimeout(c.Query("timeout"))
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
	waiting, cancel := context.WithDeadline(context.WithoutCancel(c.UserContext()), earlier(time.Now().Add(timeout), caller.ExpiresAt))
	defer cancel()
	defer s.untilDraining(cancel)()
	answer, err := poll.Poll(c.UserContext(), waiting, s.edge, caller.UserID, lastEventID(c))
	if err != nil {
		return problemOf(err)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(answer)
}

// untilDraining calls end when the process begins to stop, unless the function that it returns is called before. It waits for nothing.
func (s *Service) untilDraining(end func()) (stop func()) {
	stopped := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-s.deps.Draining:
			end()
		case <-stopped:
		}
	})
	return func() {
		close(stopped)
		watching.Wait()
	}
}

func pollTimeout(text string) (time.Duration, error) {
	if text == "" {
		return defaultPollTimeout, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > maxPollTimeout {
		return 0, httpapi.InvalidRequest("timeout must be a whole number of seconds, 0 to 50")
	}
	return time.Duration(seconds) * time.Second, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
