package rooms

import (
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/paging"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// mostRelatives is how many friends or requests an answer has. As nobody may have more, old clients, which ask for no page, get them all.
const mostRelatives = 1000

const headerNextCursor = "X-Next-Cursor"

// listFriends handles GET /api/users/friends.
func (s *Service) listFriends(c *fiber.Ctx) error { return s.listRelatives(c, wire.Friend) }

// listRequests handles GET /api/users/friends/requests: those that the caller has received.
func (s *Service) listRequests(c *fiber.Ctx) error { return s.listRelatives(c, wire.InviteReceived) }

func (s *Service) listRelatives(c *fiber.Ctx, as wire.Relationship) error {
	by := viewer(c)
	list := paging.Of("relatives", by.ID, by.Tenant, string(as))
	behind, limit, err := relativesQuery(c, list)
	if err != nil {
		return err
	}
	relatives, err := s.deps.Store.Relatives(c.UserContext(), by, as, behind, limit+1)
	if err != nil {
		return problemOf(err)
	}
	if len(relatives) > limit {
		relatives = relatives[:limit]
		offerNext(c, list.Cursor(relativePoint(relatives[limit-1])), limit)
	}
	users := make([]wire.User, len(relatives))
	for i, relative := range relatives {
		users[i] = relative.User
	}
	return c.JSON(users)
}

// relativesQuery is what is asked for. The errors are the problems invalid-cursor and invalid-request.
func relativesQuery(c *fiber.Ctx, list paging.List) (behind people.RelativePoint, limit int, err error) {
	behind, limit = people.Newest(), mostRelatives
	given := c.Context().QueryArgs()
	if given.Has("cursor") {
		point, ok := list.Point(c.Query("cursor"))
		if !ok || len(point) != 8+len(uuid.UUID{}) {
			return people.RelativePoint{}, 0, invalidCursor()
		}
		behind.Since = time.UnixMicro(int64(binary.BigEndian.Uint64(point))).UTC()
		behind.ID = uuid.UUID(point[8:])
	}
	if given.Has("limit") {
		limit, err = strconv.Atoi(c.Query("limit"))
		if err != nil || limit < 1 || limit > mostRelatives {
			return people.RelativePoint{}, 0, httpapi.InvalidRequest(fmt.Sprintf("limit must be a number from 1 to %d", mostRelatives))
		}
	}
	return behind, limit, nil
}

func relativePoint(last people.Relative) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(last.Since.UnixMicro())), last.User.ID[:]...)
}

// offerNext says where the next page is.
func offerNext(c *fiber.Ctx, cursor string, limit int) {
	next := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(limit)}}
	c.Set(headerNextCursor, cursor)
	c.Set(fiber.HeaderLink, "<"+c.Path()+"?"+next.Encode()+`>; rel="next"`)
}
