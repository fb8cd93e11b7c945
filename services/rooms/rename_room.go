package rooms

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// text is one that may be missing, or null.
type text struct{ changes.Text }

// UnmarshalJSON is called where the text is there.
func (t *text) UnmarshalJSON(raw []byte) error {
	t.Given = true
	return json.Unmarshal(raw, &t.Value)
}

// renamingBody is the body of a change of a room.
type renamingBody struct {
	Name     text `json:"roomName"`
	ImageURL text `json:"roomImageUrl"`
}

// check gives the problem invalid-request for what a room cannot have.
func (b renamingBody) check() error {
	if !b.Name.Given && !b.ImageURL.Given {
		return httpapi.InvalidRequest("there is neither roomName nor roomImageUrl")
	}
	if _, err := roomName(b.Name.Value); err != nil {
		return err
	}
	if b.ImageURL.Value != nil && !isPicture(*b.ImageURL.Value) {
		return httpapi.InvalidRequest(fmt.Sprintf("roomImageUrl must be an http or https URL of at most %d bytes", maxPicture))
	}
	return nil
}

// rename handles PATCH /api/rooms/{room_id}.
func (s *Service) rename(c *fiber.Ctx) error {
	id, err := roomID(c)
	if err != nil {
		return err
	}
	var body renamingBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	ctx := c.UserContext()
	room, row, err := s.changes.Rename(ctx, changes.Renaming{
		RoomID: id, By: author(c), Name: body.Name.Text, ImageURL: body.ImageURL.Text, At: s.now(),
	})
	if err != nil {
		return problemOf(err)
	}
	if row != 0 {
		s.relay.Await(ctx, row)
	}
	return c.JSON(room)
}

// author is the caller as one who changes rooms.
func author(c *fiber.Ctx) changes.Author {
	caller := authn.Caller(c)
	if caller.Backend {
		return changes.Backend(caller.Tenant)
	}
	return changes.Member(caller.UserID)
}
