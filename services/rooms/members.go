package rooms

import (
	"context"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// ErrRoomNotFound says that there is no such room.
var ErrRoomNotFound = store.ErrRoomNotFound

// Membership gives who has joined a room. Errors: [ErrRoomNotFound]; any other means that the store does not answer now.
func (s *Service) Membership(ctx context.Context, roomID uuid.UUID) (events.Membership, error) {
	membership, err := s.deps.Store.Audience(ctx, roomID)
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
	if !membership.Joined(caller) {
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
	return c.JSON(membership.Answer())
}

// Standing gives how a user stands to a room that it is in, or has been in. Errors: [ErrRoomNotFound]; any other means that the store does not
// answer now.
func (s *Service) Standing(ctx context.Context, roomID, userID uuid.UUID) (events.Standing, error) {
	standing, err := s.deps.Store.Standing(ctx, roomID, userID)
	if err != nil {
		return events.Standing{}, fmt.Errorf("standing of user %s to room %s: %w", userID, roomID, err)
	}
	return standing, nil
}

// ErrUserNotFound says that there is no such user.
var ErrUserNotFound = people.ErrUserNotFound

// User gives what messages may know of a user. Errors: [ErrUserNotFound], also of one that was deleted; any other means that the store does not answer now.
func (s *Service) User(ctx context.Context, user uuid.UUID) (events.UserAnswer, error) {
	profile, err := s.deps.Store.Profile(ctx, "", user)
	if err != nil {
		return events.UserAnswer{}, fmt.Errorf("tenant and name of user %s: %w", user, err)
	}
	return events.UserAnswer{ID: user, Tenant: profile.Tenant, DisplayName: profile.DisplayName}, nil
}

// internalUser handles GET /internal/users/{user_id}.
func (s *Service) internalUser(c *fiber.Ctx) error {
	user, err := userID(c)
	if err != nil {
		return err
	}
	known, err := s.User(c.UserContext(), user)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(known)
}

// Tenants gives the tenants of those of at most [events.MostUsersAsked] users that there are. An error means that the store does not answer now.
func (s *Service) Tenants(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error) {
	tenants, err := s.deps.Store.Tenants(ctx, users)
	if err != nil {
		return nil, fmt.Errorf("tenants of users: %w", err)
	}
	return tenants, nil
}

// internalTenants handles POST /internal/users/tenants.
func (s *Service) internalTenants(c *fiber.Ctx) error {
	var asked events.UsersQuestion
	if err := httpapi.Decode(c, &asked); err != nil {
		return err
	}
	if len(asked.Users) > events.MostUsersAsked {
		return httpapi.InvalidRequest(fmt.Sprintf("users names %d; at most %d are possible", len(asked.Users), events.MostUsersAsked))
	}
	tenants, err := s.Tenants(c.UserContext(), asked.Users)
	if err != nil {
		return problemOf(err)
	}
	answer := events.UsersAnswer{Users: make([]events.UserAnswer, 0, len(tenants))}
	for id, tenant := range tenants {
		answer.Users = append(answer.Users, events.UserAnswer{ID: id, Tenant: tenant})
	}
	return c.JSON(answer)
}

// internalStanding handles GET /internal/rooms/{room_id}/members/{user_id}.
func (s *Service) internalStanding(c *fiber.Ctx) error {
	room, err := roomID(c)
	if err != nil {
		return err
	}
	user, err := userID(c)
	if err != nil {
		return err
	}
	standing, err := s.Standing(c.UserContext(), room, user)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(standing)
}
