package messages

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	defaultLimit = 25
	maxLimit     = 100
)

// pageQuery is what GET /api/rooms/{room_id}/timeline asks for.
type pageQuery struct {
	before events.Position // by cursor; else the end
	byTime bool
	at     time.Time // by timestamp
	limit  int
}

func parsePageQuery(args httpapi.Args) (pageQuery, error) {
	query := pageQuery{before: events.EndOfLog}
	cursor, hasCursor := args("cursor")
	timestamp, hasTimestamp := args("timestamp")
	if hasCursor && hasTimestamp {
		return pageQuery{}, httpapi.InvalidRequest("cursor and timestamp exclude each other")
	}
	if hasCursor {
		position, ok := decodeCursor(cursor)
		if !ok {
			return pageQuery{}, invalidCursor()
		}
		query.before = position
	}
	if hasTimestamp {
		at, ok := parseTimestamp(timestamp)
		if !ok {
			return pageQuery{}, invalidTimestamp()
		}
		query.at, query.byTime = at, true
	}
	var err error
	query.limit, err = args.Limit(defaultLimit, maxLimit)
	return query, err
}

// parseTimestamp reads an RFC 3339 time. What is finer than a microsecond is rounded up, since messages before it, and so
// those created within that microsecond, are asked for.
func parseTimestamp(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, false
	}
	at = at.UTC()
	if whole := at.Truncate(time.Microsecond); !whole.Equal(at) {
		at = whole.Add(time.Microsecond)
	}
	return at, true
}

// timelinePage handles GET /api/rooms/{room_id}/timeline.
func (s *Service) timelinePage(c *fiber.Ctx) error {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return err
	}
	query, err := parsePageQuery(httpapi.ArgsOf(c))
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	readable, err := s.readable(ctx, room, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	read, err := s.read(ctx, room, query, readable)
	if err != nil {
		return problemOf(err)
	}
	read.sayComplete(c)
	entries := read.entries
	if len(entries) > query.limit {
		entries = entries[:query.limit]
		cursor := encodeCursor(entries[len(entries)-1].Position)
		httpapi.OfferNext(c, cursor, url.Values{"limit": {strconv.Itoa(query.limit)}})
	}
	messages := make([]wire.Message, len(entries))
	for i, entry := range entries {
		messages[i] = shown(entry)
	}
	return c.JSON(messages)
}

// shown is a message as clients see it, with its position.
func shown(entry store.Entry) wire.Message {
	message := entry.Whole()
	message.Position = entry.Position.String()
	return message
}

// read gives one message more than the limit where the user may read more.
func (s *Service) read(ctx context.Context, room uuid.UUID, query pageQuery, readable part) (page, error) {
	within := store.Range{Before: query.before}
	if query.byTime {
		var err error
		if within, err = s.deps.Store.Locate(ctx, room, query.at); err != nil {
			return page{}, err
		}
	}
	if readable.before.Compare(within.Before) < 0 {
		within.Before = readable.before
	}
	entries, err := s.deps.Store.Page(ctx, room, within, query.limit+1)
	if err != nil {
		return page{}, err
	}
	read, err := s.complete(ctx, room, within, entries, query.limit+1)
	if err != nil {
		return page{}, err
	}
	if older := slices.IndexFunc(read.entries, func(e store.Entry) bool { return e.Position.Compare(readable.from) < 0 }); older >= 0 {
		read.entries = read.entries[:older]
	}
	return read, nil
}
