package rooms

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/paging"
	"github.com/ism-chat/ism/services/rooms/store"
)

// mostListed is how many rooms an answer has at most, and where nobody asks for fewer.
const mostListed = 200

// roomsPage is a page of a caller's list of rooms.
type roomsPage struct {
	query store.RoomQuery
	list  paging.List // with its filters
	args  url.Values  // with which the next page is asked for, beside its cursor
}

// list handles GET /api/rooms.
func (s *Service) list(c *fiber.Ctx) error {
	page, err := roomsPageOf(authn.Caller(c).UserID, givenArgs(c))
	if err != nil {
		return err
	}
	if err := s.catchUp(c); err != nil {
		return err
	}
	asked := page.query
	asked.Limit++ // one more tells whether there is a next page
	rooms, err := s.deps.Store.Rooms(c.UserContext(), authn.Caller(c).UserID, asked)
	if err != nil {
		return problemOf(err)
	}
	if len(rooms) > page.query.Limit {
		rooms = rooms[:page.query.Limit]
		c.Set(fiber.HeaderLink, page.next(rooms[len(rooms)-1]))
	}
	return answerTagged(c, rooms)
}

// givenArgs gives what a request's query says of a name.
func givenArgs(c *fiber.Ctx) func(name string) (value string, given bool) {
	args := c.Context().QueryArgs()
	return func(name string) (string, bool) { return string(args.Peek(name)), args.Has(name) }
}

// roomsPageOf reads what is asked for. The error is the problem invalid-request or invalid-cursor.
func roomsPageOf(caller uuid.UUID, given func(name string) (value string, given bool)) (roomsPage, error) {
	page := roomsPage{query: store.RoomQuery{Limit: mostListed}, args: url.Values{}}
	kind, unread := "", ""
	if text, ok := given("type"); ok {
		if page.query.Type = wire.RoomType(text); !page.query.Type.Valid() {
			return roomsPage{}, httpapi.InvalidRequest("type must be Single or Group")
		}
		kind = text
		page.args.Set("type", text)
	}
	if text, ok := given("unread"); ok {
		if text != "true" {
			return roomsPage{}, httpapi.InvalidRequest("unread must be true, or missing")
		}
		page.query.Unread, unread = true, text
		page.args.Set("unread", text)
	}
	if text, ok := given("limit"); ok {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > mostListed {
			return roomsPage{}, httpapi.InvalidRequest(fmt.Sprintf("limit must be a number from 1 to %d", mostListed))
		}
		page.query.Limit = limit
	}
	page.args.Set("limit", strconv.Itoa(page.query.Limit))
	page.list = paging.Of("rooms", caller, kind, unread)
	if text, ok := given("cursor"); ok {
		point, ok := page.list.Point(text)
		if !ok || len(point) != pointLength {
			return roomsPage{}, invalidCursor()
		}
		page.query.Before = decodePoint(point)
	}
	return page, nil
}

// next is the link to the page behind a room.
func (p roomsPage) next(last wire.Room) string {
	p.args.Set("cursor", p.list.Cursor(encodePoint(last)))
	return "</api/rooms?" + p.args.Encode() + `>; rel="next"`
}

const pointLength = 8 + len(uuid.UUID{}) // microseconds since 1970, and the room's id

func encodePoint(room wire.Room) []byte {
	point := binary.BigEndian.AppendUint64(make([]byte, 0, pointLength), uint64(room.LatestMessage.UnixMicro()))
	return append(point, room.ID[:]...)
}

func decodePoint(point []byte) *store.RoomPoint {
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(point))).UTC()
	return &store.RoomPoint{LatestMessage: at, ID: uuid.UUID(point[8:])}
}

// answerTagged answers with JSON, or with 304 where the client has the same already.
func answerTagged(c *fiber.Ctx, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	if matches(c.Get(fiber.HeaderIfNoneMatch), tag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

// matches reports whether If-None-Match names the tag, RFC 9110, section 13.1.2.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
