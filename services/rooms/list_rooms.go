package rooms

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
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
	page, err := roomsPageOf(authn.Caller(c).UserID, httpapi.ArgsOf(c))
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
		last := rooms[len(rooms)-1]
		httpapi.OfferNext(c, page.list.Cursor(timePoint(last.LatestMessage.Time, last.ID)), page.args)
	}
	return httpapi.AnswerTagged(c, rooms)
}

// roomsPageOf reads what is asked for. The error is the problem invalid-request or invalid-cursor.
func roomsPageOf(caller uuid.UUID, given httpapi.Args) (roomsPage, error) {
	page := roomsPage{args: url.Values{}}
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
	limit, err := given.Limit(mostListed, mostListed)
	if err != nil {
		return roomsPage{}, err
	}
	page.query.Limit = limit
	page.args.Set("limit", strconv.Itoa(page.query.Limit))
	page.list = paging.Of("rooms", caller, kind, unread)
	point, err := pointIn(given, page.list)
	if err != nil {
		return roomsPage{}, err
	}
	if point != nil {
		at, id, ok := timePointOf(point)
		if !ok {
			return roomsPage{}, invalidCursor()
		}
		page.query.Before = &store.RoomPoint{LatestMessage: at, ID: id}
	}
	return page, nil
}
