package rooms

import (
	"context"
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Routes adds the public API, see api/openapi.yaml. Every route needs a token, and writes the caller as a user.
func (s *Service) Routes(api fiber.Router) {
	require := s.deps.Verifier.Require()
	route := func(handle fiber.Handler) []fiber.Handler { return []fiber.Handler{require, s.meet, handle} }
	api.Get("/api/rooms", route(s.list)...)
	api.Post("/api/rooms/create-room", route(s.create)...)
	api.Get("/api/rooms/search", route(s.search)...)
	api.Get("/api/rooms/:room_id", route(s.get)...)
	api.Get("/api/rooms/:room_id/detailed", route(s.detailed)...)
	api.Get("/api/rooms/:room_id/users", route(s.users)...)
	api.Post("/api/rooms/:room_id/mark-read", route(s.markRead)...)
}

// InternalRoutes adds what messages asks for.
func (s *Service) InternalRoutes(internal fiber.Router) {
	internal.Get("/internal/rooms/:room_id/members", s.internalMembers)
}

// meet makes sure that the caller is a user.
func (s *Service) meet(c *fiber.Ctx) error {
	if err := s.callers.Seen(c.UserContext(), authn.Caller(c)); err != nil {
		return problemOf(err)
	}
	return c.Next()
}

func (s *Service) list(c *fiber.Ctx) error {
	rooms, err := s.deps.Store.Rooms(c.UserContext(), authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(rooms)
}

func (s *Service) create(c *fiber.Ctx) error {
	ctx := c.UserContext()
	room, err := s.readNewRoom(c)
	if err != nil {
		return err
	}
	created, row, err := s.changes.CreateRoom(ctx, room)
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(ctx, row)
	return c.JSON(created)
}

func (s *Service) search(c *fiber.Ctx) error {
	other, err := queryID(c, "withUser")
	if err != nil {
		return err
	}
	room, err := s.deps.Store.SingleRoom(c.UserContext(), authn.Caller(c).UserID, other)
	switch {
	case errors.Is(err, store.ErrRoomNotFound):
		return c.JSON(nil)
	case err != nil:
		return problemOf(err)
	}
	return c.JSON(room)
}

func (s *Service) get(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
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

func (s *Service) markRead(c *fiber.Ctx) error {
	ctx := c.UserContext()
	id, err := roomID(c)
	if err != nil {
		return err
	}
	row, err := s.changes.MarkRead(ctx, id, authn.Caller(c).UserID, s.now())
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(ctx, row)
	c.Status(http.StatusOK)
	return nil
}

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
