package rooms

import (
	"context"
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// markBody is the body of mark-read, which may be missing.
type markBody struct {
	MessageID *string `json:"messageId"`
	Position  *string `json:"position"`
	Unread    bool    `json:"unread"`
}

// markRead handles POST /api/rooms/{room_id}/mark-read.
func (s *Service) markRead(c *fiber.Ctx) error {
	mark, err := s.readMark(c)
	if err != nil {
		return err
	}
	changed, err := s.mark(c.UserContext(), mark)
	if err != nil {
		return problemOf(err)
	}
	if changed {
		s.marks.Marked()
	}
	c.Status(http.StatusOK)
	return nil
}

func (s *Service) readMark(c *fiber.Ctx) (changes.Mark, error) {
	room, err := roomID(c)
	if err != nil {
		return changes.Mark{}, err
	}
	mark := changes.Mark{RoomID: room, UserID: authn.Caller(c).UserID, At: s.now()}
	if len(c.Request().Body()) == 0 {
		return mark, nil
	}
	var body markBody
	if err := httpapi.Decode(c, &body); err != nil {
		return changes.Mark{}, err
	}
	mark.Unread = body.Unread
	mark.MessageID, mark.Position, err = body.target()
	return mark, err
}

// target is the message that is named, if one is. The error is the problem invalid-request.
func (b markBody) target() (message *uuid.UUID, position *events.Position, err error) {
	switch {
	case b.MessageID != nil && b.Position != nil:
		return nil, nil, httpapi.InvalidRequest("messageId and position exclude each other")
	case b.MessageID != nil:
		id, ok := httpapi.ParseUUID(*b.MessageID)
		if !ok {
			return nil, nil, httpapi.InvalidRequest("messageId must be a UUID")
		}
		return &id, nil, nil
	case b.Position != nil:
		at, err := events.ParsePosition(*b.Position)
		if err != nil || at == events.StartOfLog {
			return nil, nil, httpapi.InvalidRequest("position is none")
		}
		return nil, &at, nil
	}
	return nil, nil, nil
}

// mark marks once the room has taken what the client may have been shown: all that is in the log now. A message that the room knows need not be
// waited for.
func (s *Service) mark(ctx context.Context, mark changes.Mark) (changed bool, err error) {
	if mark.MessageID != nil || mark.Position != nil {
		changed, err = s.changes.MarkRead(ctx, mark)
		if !errors.Is(err, store.ErrMessageNotFound) {
			return changed, err
		}
	}
	s.progress.Await(ctx, mark.RoomID.String())
	return s.changes.MarkRead(ctx, mark)
}
