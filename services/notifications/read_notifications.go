package notifications

import (
	"context"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/inbox"
	"github.com/ism-chat/ism/services/notifications/store"
)

// maxRead is how many notifications one request marks by their ids.
const maxRead = 100

// readRequest is the body of POST /api/notifications/read: either of the two.
type readRequest struct {
	UpTo *string   `json:"upTo"`
	IDs  []*string `json:"notificationIds"`
}

// parse gives what a user has read: all up to a position, or single notifications.
func (r readRequest) parse(user uuid.UUID) (upTo int64, ids []uuid.UUID, err error) {
	switch {
	case (r.UpTo == nil) == (r.IDs == nil):
		return 0, nil, httpapi.InvalidRequest("either upTo or notificationIds must be there")
	case r.UpTo != nil:
		if upTo, err = inbox.ParseCursor(user, *r.UpTo); err != nil {
			return 0, nil, invalidCursor()
		}
		return upTo, nil, nil
	case len(r.IDs) == 0 || len(r.IDs) > maxRead:
		return 0, nil, httpapi.InvalidRequest(fmt.Sprintf("notificationIds has %d ids; 1 to %d are possible", len(r.IDs), maxRead))
	}
	for _, text := range r.IDs {
		if text == nil {
			return 0, nil, httpapi.InvalidRequest("the id of a notification must be a UUID")
		}
		id, ok := httpapi.ParseUUID(*text)
		if !ok {
			return 0, nil, httpapi.InvalidRequest("the id of a notification must be a UUID")
		}
		ids = append(ids, id)
	}
	return 0, ids, nil
}

// readNotifications handles POST /api/notifications/read. The user's streams are told before it answers: who is not answered marks again, which tells again.
func (s *Service) readNotifications(c *fiber.Ctx) error {
	var request readRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	user := authn.Caller(c).UserID
	upTo, ids, err := request.parse(user)
	if err != nil {
		return err
	}
	ctx, kept := c.UserContext(), s.inbox.Kept()
	told := events.NotificationsRead{UserID: user, IDs: ids}
	var left store.Counts
	if ids != nil {
		left, err = s.deps.Store.Read(ctx, user, ids, kept)
	} else {
		told.UpTo = *request.UpTo
		left, err = s.deps.Store.ReadUpTo(ctx, user, upTo, kept)
	}
	if err != nil {
		return problemOfInbox(err)
	}
	told.Unread = left.Unread
	if err := s.append(ctx, events.New(source, time.Now(), told)); err != nil {
		return problemOfInbox(err)
	}
	return c.JSON(wire.UnreadNotifications{Unread: left.Unread})
}

// TellErased implements [inbox.Teller].
func (s *Service) TellErased(ctx context.Context, erased events.UserErased) error {
	return s.append(ctx, events.New(source, erased.FinishedAt.Time, erased))
}
