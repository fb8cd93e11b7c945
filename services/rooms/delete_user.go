package rooms

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// receipt is an erasure as the backend reads it.
type receipt struct {
	store.Erasure
	FinishedAt *wire.Time `json:"finishedAt"` // nil: not all services have finished
}

// deleteUser handles DELETE /api/admin/users/{user_id}. What remains to be done is done behind the answer.
func (s *Service) deleteUser(c *fiber.Ctx) error {
	id, err := userID(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	erasure, row, err := s.changes.DeleteUser(ctx, authn.Caller(c).Tenant, id, s.now())
	if err != nil {
		return problemOf(err)
	}
	s.callers.Forget(id)
	s.erasures.Wake()
	if row != 0 {
		s.relay.Await(ctx, row)
	}
	c.Status(http.StatusAccepted)
	return s.answerErasure(c, erasure)
}

// getErasure handles GET /api/admin/erasures/{erasure_id}.
func (s *Service) getErasure(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "erasure_id")
	if err != nil {
		return err
	}
	return s.answerErasure(c, id)
}

func (s *Service) answerErasure(c *fiber.Ctx, id uuid.UUID) error {
	erasure, err := s.deps.Store.Erasure(c.UserContext(), authn.Caller(c).Tenant, id)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(receipt{Erasure: erasure, FinishedAt: erasure.FinishedAt()})
}
