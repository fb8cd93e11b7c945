package rooms

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// invite handles POST /api/rooms/{room_id}/invite/{user_id}.
func (s *Service) invite(c *fiber.Ctx) error {
	ctx := c.UserContext()
	room, err := roomID(c)
	if err != nil {
		return err
	}
	user, err := userID(c)
	if err != nil {
		return err
	}
	row, err := s.changes.Invite(ctx, changes.Invitation{
		RoomID: room, By: changes.Member(authn.Caller(c).UserID), User: user, At: s.now(), MaxMembers: s.cfg.MaxMembers, Invites: s.cfg.Invites, Budgets: s.cfg.budgets(),
	})
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(ctx, row)
	c.Status(http.StatusOK)
	return nil
}
