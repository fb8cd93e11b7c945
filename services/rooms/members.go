package rooms

import (
	"context"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// ErrRoomNotFound says that there is no such room.
var ErrRoomNotFound = store.ErrRoomNotFound

// Membership gives who is in a room. Errors: [ErrRoomNotFound]; any other means that the store does not answer now.
func (s *Service) Membership(ctx context.Context, roomID uuid.UUID) (events.Membership, error) {
	membership, err := s.deps.Store.Membership(ctx, roomID)
	if err != nil {
		return events.Membership{}, fmt.Errorf("membership of room %s: %w", roomID, err)
	}
	return membership, nil
}

// users handles GET /api/rooms/{room_id}/users.
func (s *Service) users(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	members, err := s.membersFor(c.UserContext(), id, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(members)
}

// membersFor gives the members of a room to one who has joined it.
func (s *Service) membersFor(ctx context.Context, room, caller uuid.UUID) ([]wire.Member, error) {
	membership, err := s.deps.Store.Membership(ctx, room)
	if err != nil {
		return nil, err
	}
	if _, joined := membership.Joined(caller); !joined {
		return nil, store.ErrRoomNotFound
	}
	return membership.Members, nil
}

// internalMembers handles GET /internal/rooms/{room_id}/members.
func (s *Service) internalMembers(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	membership, err := s.Membership(c.UserContext(), id)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(membership)
}
