package messages

import (
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/retention"
	"github.com/ism-chat/ism/services/messages/store"
)

// A room that does not keep its messages for ever keeps them for so many days.
const (
	leastRetention = int(retention.Least / retention.Day)
	mostRetention  = int(retention.Most / retention.Day)
)

// retentionRequest is the body of PUT /api/admin/rooms/{room_id}/retention.
type retentionRequest struct {
	Days *int `json:"days"`
}

// parse gives the days that are asked for. Without any nothing would be said: that is not 0, which is for ever.
func (r retentionRequest) parse() (days int, err error) {
	switch {
	case r.Days == nil:
		return 0, httpapi.InvalidRequest("days is missing")
	case *r.Days != 0 && (*r.Days < leastRetention || *r.Days > mostRetention):
		return 0, httpapi.InvalidRequest(fmt.Sprintf("days must be %d to %d, or 0, which is for ever", leastRetention, mostRetention))
	}
	return *r.Days, nil
}

// backendsRoom gives the room that a path names, which must be one of the backend's tenant.
func (s *Service) backendsRoom(c *fiber.Ctx) (uuid.UUID, error) {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return uuid.Nil, err
	}
	if _, err := s.ofTenant(c.UserContext(), room, authn.Caller(c).Tenant); err != nil {
		return uuid.Nil, problemOf(err)
	}
	return room, nil
}

// retention handles GET /api/admin/rooms/{room_id}/retention.
func (s *Service) retention(c *fiber.Ctx) error {
	room, err := s.backendsRoom(c)
	if err != nil {
		return err
	}
	days, own, err := s.deps.Store.Retention(c.UserContext(), room)
	if err != nil {
		return retentionProblemOf(err)
	}
	if !own {
		days = s.cfg.RetentionDays()
	}
	return c.JSON(wire.RoomRetention{Days: days, Own: own})
}

// putRetention handles PUT /api/admin/rooms/{room_id}/retention.
func (s *Service) putRetention(c *fiber.Ctx) error {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return err
	}
	var request retentionRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	days, err := request.parse()
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	if _, err := s.ofTenant(ctx, room, authn.Caller(c).Tenant); err != nil {
		return problemOf(err)
	}
	err = s.deps.Store.SetRetention(ctx, room, days)
	s.kept.Forget(room) // also where there is an error: it may be changed all the same
	if err != nil {
		return retentionProblemOf(err)
	}
	return c.JSON(wire.RoomRetention{Days: days, Own: true})
}

// deleteRetention handles DELETE /api/admin/rooms/{room_id}/retention.
func (s *Service) deleteRetention(c *fiber.Ctx) error {
	room, err := s.backendsRoom(c)
	if err != nil {
		return err
	}
	err = s.deps.Store.UnsetRetention(c.UserContext(), room)
	s.kept.Forget(room) // also where there is an error: it may be changed all the same
	if err != nil {
		return retentionProblemOf(err)
	}
	return c.JSON(wire.RoomRetention{Days: s.cfg.RetentionDays()})
}

// retentionProblemOf gives the problem for an error of the store. Asking again does no harm.
func retentionProblemOf(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "a room's retention can be neither read nor changed now; ask again", err)
	}
	return problemOf(err)
}
