package rooms

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// ErrSingleRoom says that a room of two has no picture of its own.
var ErrSingleRoom = store.ErrSingleRoom

// SetPicture gives a room the picture that a member or a backend has uploaded for it, as a change of the room's roomImageUrl does. Errors: [ErrRoomNotFound],
// [ErrSingleRoom]; any other means that the store does not answer now.
func (s *Service) SetPicture(ctx context.Context, picture events.RoomPicture) error {
	by := changes.Member(picture.UserID)
	if picture.Backend {
		by = changes.Backend(picture.Tenant)
	}
	_, row, err := s.changes.Rename(ctx, changes.Renaming{RoomID: picture.RoomID, By: by, ImageURL: changes.Text{Given: true, Value: &picture.URL}, At: s.now()})
	if err != nil {
		return fmt.Errorf("set picture of room %s: %w", picture.RoomID, err)
	}
	if row != 0 {
		s.relay.Await(ctx, row)
	}
	return nil
}

// internalPicture handles PUT /internal/rooms/{room_id}/picture.
func (s *Service) internalPicture(c *fiber.Ctx) error {
	room, err := roomID(c)
	if err != nil {
		return err
	}
	var picture events.RoomPicture
	if err := httpapi.Decode(c, &picture); err != nil {
		return err
	}
	if !isPicture(picture.URL) {
		return httpapi.InvalidRequest(fmt.Sprintf("imageUrl must be an http or https URL of at most %d bytes", maxPicture))
	}
	picture.RoomID = room
	if err := s.SetPicture(c.UserContext(), picture); err != nil {
		return problemOf(err)
	}
	return c.SendStatus(http.StatusNoContent)
}
