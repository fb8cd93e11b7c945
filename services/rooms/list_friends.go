package rooms

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// mostRelatives is how many users an answer has. As nobody may have more friends or requests, old clients, which ask for no page, get them all.
const mostRelatives = 1000

// listFriends handles GET /api/users/friends.
func (s *Service) listFriends(c *fiber.Ctx) error { return s.listRelatives(c, wire.Friend) }

// listRequests handles GET /api/users/friends/requests: those that the caller has received.
func (s *Service) listRequests(c *fiber.Ctx) error { return s.listRelatives(c, wire.InviteReceived) }

// listBlocked handles GET /api/users/blocked.
func (s *Service) listBlocked(c *fiber.Ctx) error { return s.listRelatives(c, wire.Blocking) }

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
		last := relatives[limit-1]
		httpapi.OfferNext(c, list.Cursor(timePoint(last.Since, last.User.ID)), url.Values{"limit": {strconv.Itoa(limit)}})
	}
	users := make([]wire.User, len(relatives))
	for i, relative := range relatives {
		users[i] = relative.User
	}
	return c.JSON(users)
}

// relativePoint reads a point. The error is the problem invalid-cursor.
func relativePoint(point []byte) (people.RelativePoint, error) {
	since, id, ok := timePointOf(point)
	if !ok {
		return people.RelativePoint{}, invalidCursor()
	}
	return people.RelativePoint{Since: since, ID: id}, nil
}

// relativesQuery is what is asked for. The errors are the problems invalid-cursor and invalid-request.
func relativesQuery(c *fiber.Ctx, list paging.List) (behind people.RelativePoint, limit int, err error) {
	behind = people.Newest()
	given := httpapi.ArgsOf(c)
	point, err := pointIn(given, list)
	if err != nil {
		return people.RelativePoint{}, 0, err
	}
	if point != nil {
		if behind, err = relativePoint(point); err != nil {
			return people.RelativePoint{}, 0, err
		}
	}
	limit, err = given.Limit(mostRelatives, mostRelatives)
	return behind, limit, err
}
