package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// linesPerExport is how many lines a part of an export has at most.
	linesPerExport = 500
	// exportTime is how long a part looks for them.
	exportTime = 2 * time.Second
	mimeLines  = "application/x-ndjson"
	// longestCursor is more characters than any point of the store takes.
	longestCursor = 256
)

// exportedMessage is a line of an export.
type exportedMessage struct {
	Type string `json:"type"` // "Message"
	wire.Message
}

// export handles GET /api/admin/users/{user_id}/messages: what a user has written, as JSON lines. Who has joined and left is in rooms' export.
func (s *Service) export(c *fiber.Ctx) error {
	user, err := httpapi.UUIDParam(c, "user_id")
	if err != nil {
		return err
	}
	ctx, tenant := c.UserContext(), authn.Caller(c).Tenant
	if err := s.isOfTenant(ctx, user, tenant); err != nil {
		return problemOf(err)
	}
	var from []byte
	list := paging.Of("exported messages", user, tenant)
	if cursor, given := httpapi.ArgsOf(c)("cursor"); given {
		if from, given = list.Point(cursor); !given || len(cursor) > longestCursor {
			return invalidExportCursor()
		}
	}
	lines, next, err := s.lines(ctx, user, from)
	switch {
	case errors.Is(err, store.ErrForeignPoint):
		return invalidExportCursor()
	case err != nil:
		return problemOf(err)
	}
	if next != nil {
		httpapi.OfferNext(c, list.Cursor(next), nil)
	}
	c.Set(fiber.HeaderContentType, mimeLines)
	return c.Send(lines)
}

// isOfTenant asks rooms whether there is a user of a tenant, "" for any. Errors: [membership.ErrUserNotFound].
func (s *Service) isOfTenant(ctx context.Context, user uuid.UUID, tenant string) error {
	ctx, cancel := context.WithTimeout(ctx, membership.LookupTimeout)
	defer cancel()
	of, err := s.deps.Rooms.User(ctx, user)
	switch {
	case errors.Is(err, membership.ErrUserNotFound), err == nil && tenant != "" && of.Tenant != tenant:
		return membership.ErrUserNotFound
	case err != nil:
		return fmt.Errorf("%w: %w", membership.ErrUnavailable, err)
	}
	return nil
}

// lines gives what a user has written from a point on, and where it goes on; nil: nowhere. It looks for it for so long, as others may have written much in
// the same rooms.
func (s *Service) lines(ctx context.Context, user uuid.UUID, from []byte) (lines, next []byte, err error) {
	room := linesPerExport
	for late := time.Now().Add(exportTime); ; {
		written, err := s.deps.Store.Written(ctx, user, from, room)
		if err != nil {
			return nil, nil, err
		}
		for _, entry := range written.Entries {
			over, err := s.kept.Over(ctx, entry.Message)
			if err != nil {
				return nil, nil, err
			}
			if over || entry.Message.Type == wire.RoomChange {
				continue
			}
			line, err := json.Marshal(exportedMessage{Type: "Message", Message: shown(entry)})
			if err != nil {
				return nil, nil, fmt.Errorf("encode a line of an export: %w", err)
			}
			lines = append(append(lines, line...), '\n')
			room--
		}
		if from = written.Next; from == nil || room == 0 || time.Now().After(late) {
			return lines, from, nil
		}
	}
}
