package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// putUser handles PUT /api/admin/users/{user_id}.
func (s *Service) putUser(c *fiber.Ctx) error {
	id, err := userID(c)
	if err != nil {
		return err
	}
	var body profileBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	profile, err := body.profile(id, authn.Caller(c).Tenant)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	refused, err := s.deps.Store.PutProfiles(ctx, []people.Profile{profile}, s.now())
	if err != nil {
		return problemOf(err)
	}
	if len(refused) > 0 {
		return problemOf(people.ErrOtherTenant)
	}
	user, err := s.deps.Store.User(ctx, people.Viewer{ID: id, Tenant: profile.Tenant}, id)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(user.User)
}
