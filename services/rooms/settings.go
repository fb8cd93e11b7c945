package rooms

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
)

// settings are what a user decides for itself.
type settings struct {
	ReadReceipts bool `json:"readReceipts"` // whether others may know what the user has read
}

// getSettings handles GET /api/users/me/settings.
func (s *Service) getSettings(c *fiber.Ctx) error {
	on, err := s.deps.Store.ReadReceipts(c.UserContext(), authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(settings{ReadReceipts: on})
}

// putSettings handles PUT /api/users/me/settings.
func (s *Service) putSettings(c *fiber.Ctx) error {
	var body struct {
		ReadReceipts *bool `json:"readReceipts"`
	}
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	if body.ReadReceipts == nil {
		return httpapi.InvalidRequest("readReceipts is missing")
	}
	if err := s.deps.Store.SetReadReceipts(c.UserContext(), authn.Caller(c).UserID, *body.ReadReceipts); err != nil {
		return problemOf(err)
	}
	return c.JSON(settings{ReadReceipts: *body.ReadReceipts})
}
