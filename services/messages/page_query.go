package messages

import (
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
)

const (
	defaultLimit = 25
	maxLimit     = 100
)

// pageQuery is what GET /api/rooms/{room_id}/timeline asks for.
type pageQuery struct {
	cursor string // where to go on; else one of the following, or the end, or the beginning
	byTime bool
	at     time.Time // by timestamp
	around uuid.UUID // the message in the middle
	newer  bool      // towards newer messages
	limit  int
}

func parsePageQuery(args httpapi.Args) (query pageQuery, err error) {
	cursor, hasCursor := args("cursor")
	timestamp, hasTimestamp := args("timestamp")
	around, hasAround := args("around")
	direction, hasDirection := args("direction")
	switch {
	case hasCursor && hasTimestamp, hasCursor && hasAround, hasTimestamp && hasAround:
		return pageQuery{}, httpapi.InvalidRequest("cursor, timestamp and around exclude each other")
	case hasAround && hasDirection:
		return pageQuery{}, httpapi.InvalidRequest("around goes both ways: it has no direction")
	case hasDirection && direction != "older" && direction != "newer":
		return pageQuery{}, httpapi.InvalidRequest("direction must be older or newer")
	case hasCursor && cursor == "":
		return pageQuery{}, invalidCursor()
	}
	query.cursor, query.newer = cursor, direction == "newer"
	if hasTimestamp {
		if query.at, query.byTime = parseTimestamp(timestamp); !query.byTime {
			return pageQuery{}, invalidTimestamp()
		}
	}
	if hasAround {
		id, ok := httpapi.ParseUUID(around)
		if !ok || id == uuid.Nil {
			return pageQuery{}, httpapi.InvalidRequest("around must be the id of a message")
		}
		query.around = id
	}
	query.limit, err = args.Limit(defaultLimit, maxLimit)
	return query, err
}

// begins reports whether the page is at an end of the timeline.
func (q pageQuery) begins() bool { return q.cursor == "" && !q.byTime && q.around == uuid.Nil }

// onwards is what a neighbouring page is asked for with, beside its cursor.
func (q pageQuery) onwards(newer bool) url.Values {
	values := url.Values{"limit": {strconv.Itoa(q.limit)}}
	if newer {
		values.Set("direction", "newer")
	}
	return values
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
