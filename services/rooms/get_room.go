package rooms

import (
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// get handles GET /api/rooms/{room_id}.
func (s *Service) get(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	if err := s.catchUp(c); err != nil {
		return err
	}
	room, err := s.deps.Store.Room(c.UserContext(), id, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(room)
}

// detailedRoom is a room with its members.
type detailedRoom struct {
	wire.Room
	Users []wire.Member `json:"users"`
}

// detailed handles GET /api/rooms/{room_id}/detailed.
func (s *Service) detailed(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	room, err := s.deps.Store.Room(c.UserContext(), id, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	members, err := s.membersFor(c.UserContext(), id, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(detailedRoom{Room: room, Users: members})
}

func roomID(c *fiber.Ctx) (uuid.UUID, error) { return httpapi.UUIDParam(c, "room_id") }

func userID(c *fiber.Ctx) (uuid.UUID, error) { return httpapi.UUIDParam(c, "user_id") }
