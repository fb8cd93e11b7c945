package messages

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/messages/store"
)

// Reads reports by an error whether a user may read a message that a room has, deleted ones included: media asks that of who has left a room, or sees it
// since its joining. Errors: [store.ErrMessageNotFound], [membership.ErrRoomNotFound]; any other means that it cannot be said now.
func (s *Service) Reads(ctx context.Context, room, message, user uuid.UUID) error {
	readable, err := s.readable(ctx, room, user)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	entry, err := s.found(ctx, room, message)
	if err == nil && !readable.has(entry.Position) {
		err = store.ErrMessageNotFound
	}
	return err
}

// internalReader handles GET /internal/rooms/{room_id}/messages/{message_id}/readers/{user_id}.
func (s *Service) internalReader(c *fiber.Ctx) error {
	room, message, err := messageParams(c)
	if err != nil {
		return err
	}
	user, err := httpapi.UUIDParam(c, "user_id")
	if err != nil {
		return err
	}
	if err := s.Reads(c.UserContext(), room, message, user); err != nil {
		return problemOf(err)
	}
	return c.SendStatus(http.StatusNoContent)
}
