package notifications

import (
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/inbox"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	defaultLimit = 50
	maxLimit     = 100
)

// listQuery is what GET /api/notifications asks for.
type listQuery struct {
	from  *int64    // the position of the cursor; nil: an end of the inbox
	since time.Time // what happened later than that; zero: whenever it happened
	newer bool      // from the oldest to newer ones
	limit int
}

func parseListQuery(args httpapi.Args, user uuid.UUID) (query listQuery, err error) {
	cursor, hasCursor := args("cursor")
	timestamp, hasTimestamp := args("timestamp")
	direction, hasDirection := args("direction")
	switch {
	case hasCursor && hasTimestamp:
		return listQuery{}, httpapi.InvalidRequest("cursor and timestamp exclude each other")
	case hasDirection && direction != "older" && direction != "newer":
		return listQuery{}, httpapi.InvalidRequest("direction must be older or newer")
	}
	query.newer = direction == "newer" || !hasDirection && (hasCursor || hasTimestamp)
	if hasCursor {
		position, err := inbox.ParseCursor(user, cursor)
		if err != nil {
			return listQuery{}, invalidCursor()
		}
		query.from = &position
	}
	if hasTimestamp {
		if query.since, err = time.Parse(time.RFC3339Nano, timestamp); err != nil {
			return listQuery{}, invalidTimestamp()
		}
	}
	query.limit, err = args.Limit(defaultLimit, maxLimit)
	return query, err
}

// span is the part of the inbox that a page is of.
func (q listQuery) span() store.Span {
	span := store.Span{Oldest: q.newer}
	switch {
	case q.from == nil:
	case q.newer:
		span.From = *q.from
	default:
		span.Before = *q.from
	}
	return span
}

// listInbox handles GET /api/notifications, and GET /api/notify, its name in the ISM wire, and, of a backend, GET
// /api/admin/users/{user_id}/notifications.
func (s *Service) listInbox(c *fiber.Ctx, user uuid.UUID) error {
	query, err := parseListQuery(httpapi.ArgsOf(c), user)
	if err != nil {
		return err
	}
	kept := s.inbox.Kept()
	if query.since.After(kept.Since) {
		kept.Since = query.since
	}
	span := query.span()
	if query.from != nil && !query.newer && *query.from == 0 { // before the first there is nothing
		return c.JSON([]wire.InboxEntry{})
	}
	entries, err := s.deps.Store.Entries(c.UserContext(), user, span, kept, query.limit+1)
	if err != nil {
		return problemOfInbox(err)
	}
	more := len(entries) > query.limit
	entries = entries[:min(len(entries), query.limit)]
	offerNotifications(c, user, query, entries, more)
	shown := make([]wire.InboxEntry, 0, len(entries))
	for _, entry := range entries {
		shown = append(shown, wire.InboxEntry{Event: entry.Event, ID: entry.ID, Cursor: inbox.Cursor(user, entry.Position), Read: entry.Read})
	}
	return c.JSON(shown)
}

// offerNotifications says where to go on. Towards newer ones there is always a cursor: behind it is what comes later.
func offerNotifications(c *fiber.Ctx, user uuid.UUID, query listQuery, entries []store.Entry, more bool) {
	var oldest, newest int64 // of the page; of an empty one both are where it would be
	if query.from != nil {
		oldest, newest = *query.from, *query.from
	}
	if len(entries) > 0 {
		oldest, newest = entries[0].Position, entries[len(entries)-1].Position
		if !query.newer {
			oldest, newest = newest, oldest
		}
	}
	newer := url.Values{"limit": {strconv.Itoa(query.limit)}, "direction": {"newer"}}
	older := url.Values{"limit": {strconv.Itoa(query.limit)}, "direction": {"older"}}
	switch {
	case query.newer:
		httpapi.OfferNext(c, inbox.Cursor(user, newest), newer)
		if oldest > 1 {
			httpapi.OfferPrevious(c, inbox.Cursor(user, oldest), older)
		}
	default:
		if more {
			httpapi.OfferNext(c, inbox.Cursor(user, oldest), older)
		}
		httpapi.OfferPrevious(c, inbox.Cursor(user, newest), newer)
	}
}

// countUnreadOf handles GET /api/notifications/unread, and, of a backend, GET /api/admin/users/{user_id}/notifications/unread.
func (s *Service) countUnreadOf(c *fiber.Ctx, user uuid.UUID) error {
	counts, err := s.deps.Store.Unread(c.UserContext(), user, s.inbox.Kept())
	if err != nil {
		return problemOfInbox(err)
	}
	return c.JSON(wire.UnreadNotifications{Unread: counts.Unread})
}
