package rooms

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// overviewsPerPage is how many rooms a page has that a backend lists.
const overviewsPerPage = 100

// overviewPage is a page of rooms as a backend sees them.
type overviewPage struct {
	NextCursor *string          `json:"nextCursor"` // nil: there are no more
	Content    []store.Overview `json:"content"`
}

// listOverviews handles GET /api/admin/rooms.
func (s *Service) listOverviews(c *fiber.Ctx) error {
	asked := store.Asked{Tenant: authn.Caller(c).Tenant}
	if c.Context().QueryArgs().Has("user") {
		user, err := httpapi.UUIDQuery(c, "user")
		if err != nil {
			return err
		}
		asked.User = user
	}
	list := paging.Of("overviews", asked.User, asked.Tenant)
	behind, err := overviewPoint(c, list)
	if err != nil {
		return err
	}
	rooms, err := s.deps.Store.Overviews(c.UserContext(), asked, behind, overviewsPerPage+1)
	if err != nil {
		return problemOf(err)
	}
	page := overviewPage{Content: append([]store.Overview{}, rooms[:min(len(rooms), overviewsPerPage)]...)}
	if len(rooms) > overviewsPerPage {
		last := page.Content[overviewsPerPage-1].ID
		next := list.Cursor(last[:])
		page.NextCursor = &next
	}
	return c.JSON(page)
}

// overviewPoint is the room behind which the list goes on. The error is the problem invalid-cursor.
func overviewPoint(c *fiber.Ctx, list paging.List) (uuid.UUID, error) {
	point, err := pointIn(httpapi.ArgsOf(c), list)
	if err != nil || point == nil {
		return uuid.Nil, err
	}
	return roomPoint(point)
}

// roomPoint reads a point of a list that is in the order of rooms' ids. The error is the problem invalid-cursor.
func roomPoint(point []byte) (uuid.UUID, error) {
	if len(point) != len(uuid.UUID{}) {
		return uuid.Nil, invalidCursor()
	}
	return uuid.UUID(point), nil
}

// roomOverview is a room with its members.
type roomOverview struct {
	store.Overview
	Users []wire.Member `json:"users"`
}

// getOverview handles GET /api/admin/rooms/{room_id}.
func (s *Service) getOverview(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	return s.answerOverview(c, id)
}

func (s *Service) answerOverview(c *fiber.Ctx, id uuid.UUID) error {
	room, err := s.deps.Store.Overview(c.UserContext(), authn.Caller(c).Tenant, id)
	if err != nil {
		return problemOf(err)
	}
	membership, err := s.deps.Store.Membership(c.UserContext(), id)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(roomOverview{Overview: room, Users: membership.Members})
}

// createForOthers handles POST /api/admin/rooms. The room is created by the first of its users.
func (s *Service) createForOthers(c *fiber.Ctx) error {
	var body newRoomBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	users, err := distinctIDs(body.Invited)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		return httpapi.InvalidRequest("invitedUsers is empty")
	}
	room, err := body.room(users[0], s.cfg, s.now())
	if err != nil {
		return err
	}
	by := author(c)
	room.Backend = &by
	created, row, err := s.changes.CreateRoom(c.UserContext(), room)
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(c.UserContext(), row)
	return s.answerOverview(c, created.ID)
}

// end handles DELETE /api/admin/rooms/{room_id}.
func (s *Service) end(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	row, err := s.changes.End(c.UserContext(), id, author(c), s.now())
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(c.UserContext(), row)
	return c.SendStatus(http.StatusNoContent)
}

// addMember handles PUT /api/admin/rooms/{room_id}/members/{user_id}.
func (s *Service) addMember(c *fiber.Ctx) error {
	return s.changeMember(c, func(room, user uuid.UUID) (int64, error) {
		return s.changes.Invite(c.UserContext(), changes.Invitation{RoomID: room, By: author(c), User: user, At: s.now(), MaxMembers: s.cfg.MaxMembers})
	})
}

// removeMember handles DELETE /api/admin/rooms/{room_id}/members/{user_id}.
func (s *Service) removeMember(c *fiber.Ctx) error {
	return s.changeMember(c, func(room, user uuid.UUID) (int64, error) {
		return s.changes.Remove(c.UserContext(), room, user, authn.Caller(c).Tenant, s.now())
	})
}

func (s *Service) changeMember(c *fiber.Ctx, change func(room, user uuid.UUID) (row int64, err error)) error {
	room, err := roomID(c)
	if err != nil {
		return err
	}
	user, err := userID(c)
	if err != nil {
		return err
	}
	row, err := change(room, user)
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(c.UserContext(), row)
	return c.SendStatus(http.StatusNoContent)
}
