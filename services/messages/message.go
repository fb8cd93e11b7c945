package messages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// findWait is how long somebody looks again for a message that was made so lately as findRecent: one that was acknowledged, and not written
	// through, is in the timeline a moment later.
	findWait   = 500 * time.Millisecond
	findRecent = 10 * time.Second
)

// errBehind says that a message may be in a part of the log that neither the store nor this process has read.
var errBehind = errors.New("the timeline is behind the log")

// message handles GET /api/rooms/{room_id}/messages/{message_id}.
func (s *Service) message(c *fiber.Ctx) error {
	room, id, err := messageParams(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	readable, err := s.readable(ctx, room, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	entry, err := s.found(ctx, room, id)
	if err == nil && !readable.has(entry.Position) {
		err = store.ErrMessageNotFound
	}
	if err != nil {
		return problemOf(err)
	}
	return answerMessage(c, shown(entry))
}

// answerMessage answers with a message and its tag, or with 304 where a reader has the message already.
func answerMessage(c *fiber.Ctx, message wire.Message) error {
	if known := httpapi.Tagged(c, tagOf(message)); known && c.Method() == fiber.MethodGet {
		c.Status(http.StatusNotModified)
		return nil
	}
	return c.JSON(message)
}

// messageParams gives the room and the message that a path names.
func messageParams(c *fiber.Ctx) (room, message uuid.UUID, err error) {
	if room, err = httpapi.UUIDParam(c, "room_id"); err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	message, err = httpapi.UUIDParam(c, "message_id")
	return room, message, err
}

// found gives a message that the timeline has, or soon will have, and that its room still keeps. Errors: those of [store.Store.Find]; errBehind where it is
// not there, and may be in what neither the store nor this process has of the log.
func (s *Service) found(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	wait := time.Duration(0)
	if madeLately(message) {
		wait = findWait
	}
	entry, err := s.awaited(ctx, room, message, wait)
	if errors.Is(err, store.ErrMessageNotFound) {
		if behind, _ := s.behind(room); !behind.sure {
			err = fmt.Errorf("%w: message %s of room %s", errBehind, message, room)
		}
	}
	if err != nil {
		return entry, err
	}
	over, err := s.kept.Over(ctx, entry.Message)
	if err == nil && over {
		err = store.ErrMessageNotFound
	}
	return entry, err
}

// madeLately reports whether an id says that it was made a moment ago; one that follows from a client's name says the day alone. Whoever sends it may
// have made it up.
func madeLately(id uuid.UUID) bool {
	if id.Version() != 7 {
		return false
	}
	at := time.Unix(id.Time().UnixTime()).UTC()
	age := time.Since(at)
	if today := at.Equal(at.Truncate(24 * time.Hour)); today {
		age -= min(max(age, 0), 24*time.Hour)
	}
	return age.Abs() < findRecent
}

// sees reports whether a member sees what is at a position of the room's timeline.
func (s *Service) sees(ctx context.Context, members events.Membership, user uuid.UUID, at events.Position) (bool, error) {
	if !members.SinceJoining {
		return true, nil
	}
	readable, err := s.readable(ctx, members.RoomID, user)
	return readable.has(at), err
}
