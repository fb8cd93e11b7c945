package rooms

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// linesPerExport is how many lines a part of an export has at most.
const linesPerExport = 500

// exportUser handles GET /api/admin/users/{user_id}/export: what rooms keeps of a user, as JSON lines. Who blocks the user is not the user's to know.
func (s *Service) exportUser(c *fiber.Ctx) error {
	id, err := userID(c)
	if err != nil {
		return err
	}
	tenant := authn.Caller(c).Tenant
	profile, err := s.deps.Store.Profile(c.UserContext(), tenant, id)
	if err != nil {
		return problemOf(err)
	}
	list := paging.Of("export", id, tenant)
	from, err := pointIn(httpapi.ArgsOf(c), list)
	if err != nil {
		return err
	}
	if from == nil {
		from = []byte{0}
	}
	lines, next, err := s.export(c.UserContext(), profile, from)
	if err != nil {
		return problemOf(err)
	}
	if next != nil {
		httpapi.OfferNext(c, list.Cursor(next), nil)
	}
	c.Set(fiber.HeaderContentType, mimeLines)
	return c.Send(lines)
}

// exported is a line of an export, and the point behind it in its section.
type exported struct {
	line  any
	point []byte
}

// section gives what an export says of one thing, behind a point; nil: from its beginning; at most so many.
type section func(ctx context.Context, behind []byte, limit int) ([]exported, error)

// export gives lines from a point on, which is the number of a section and a point in it, and where it goes on; nil: nowhere.
func (s *Service) export(ctx context.Context, profile people.Profile, from []byte) (lines, next []byte, err error) {
	sections := []section{s.exportProfile(profile)}
	for _, as := range []wire.Relationship{wire.Friend, wire.InviteSent, wire.InviteReceived, wire.Blocking} {
		sections = append(sections, s.exportRelatives(people.Viewer{ID: profile.ID, Tenant: profile.Tenant}, as))
	}
	sections = append(sections, s.exportStays(profile.ID))
	if len(from) == 0 || int(from[0]) >= len(sections) {
		return nil, nil, invalidCursor()
	}
	number, behind, room := int(from[0]), from[1:], linesPerExport
	for ; number < len(sections); number, behind = number+1, nil {
		found, err := sections[number](ctx, behind, room+1)
		if err != nil {
			return nil, nil, err
		}
		for i, one := range found {
			if i == room {
				return lines, append([]byte{byte(number)}, behind...), nil
			}
			line, err := json.Marshal(one.line)
			if err != nil {
				return nil, nil, fmt.Errorf("encode a line of an export: %w", err)
			}
			lines = append(append(lines, line...), '\n')
			behind = one.point
		}
		room -= len(found)
	}
	return lines, nil, nil
}

// exportedUser is the line about the user itself.
type exportedUser struct {
	Type string    `json:"type"` // "User"
	ID   uuid.UUID `json:"id"`
	profileBody
	settings
}

func (s *Service) exportProfile(p people.Profile) section {
	return func(ctx context.Context, _ []byte, _ int) ([]exported, error) {
		receipts, err := s.deps.Store.ReadReceipts(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		said := profileBody{
			DisplayName: p.DisplayName, Picture: p.Picture, Description: p.Description, Role: p.Role, StreetCredits: p.StreetCredits, Tenant: &p.Tenant,
		}
		return []exported{{line: exportedUser{Type: "User", ID: p.ID, profileBody: said, settings: settings{ReadReceipts: receipts}}}}, nil
	}
}

// exportedRelationship is a line about how the user stands to another.
type exportedRelationship struct {
	Type         string            `json:"type"` // "Relationship"
	Relationship wire.Relationship `json:"relationshipType"`
	UserID       uuid.UUID         `json:"userId"`
	DisplayName  string            `json:"displayName"`
	Since        wire.Time         `json:"since"`
}

func (s *Service) exportRelatives(user people.Viewer, as wire.Relationship) section {
	return func(ctx context.Context, behind []byte, limit int) ([]exported, error) {
		from := people.Newest()
		if len(behind) > 0 {
			var err error
			if from, err = relativePoint(behind); err != nil {
				return nil, err
			}
		}
		relatives, err := s.deps.Store.Relatives(ctx, user, as, from, limit)
		found := make([]exported, len(relatives))
		for i, r := range relatives {
			found[i] = exported{
				line:  exportedRelationship{Type: "Relationship", Relationship: as, UserID: r.User.ID, DisplayName: r.User.DisplayName, Since: wire.At(r.Since)},
				point: timePoint(r.Since, r.User.ID),
			}
		}
		return found, err
	}
}

// exportedStay is a line about a room that the user is or was in.
type exportedStay struct {
	Type string `json:"type"` // "Membership"
	store.Stay
}

func (s *Service) exportStays(user uuid.UUID) section {
	return func(ctx context.Context, behind []byte, limit int) ([]exported, error) {
		from := uuid.Nil
		if len(behind) > 0 {
			var err error
			if from, err = roomPoint(behind); err != nil {
				return nil, err
			}
		}
		stays, err := s.deps.Store.Stays(ctx, user, from, limit)
		found := make([]exported, len(stays))
		for i, stay := range stays {
			found[i] = exported{line: exportedStay{Type: "Membership", Stay: stay}, point: stay.Room.ID[:]}
		}
		return found, err
	}
}
