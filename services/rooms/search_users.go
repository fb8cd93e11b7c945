package rooms

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// matchesPerPage is how many users a page of a search has.
const matchesPerPage = 20

// searchUsers handles GET /api/users/search.
func (s *Service) searchUsers(c *fiber.Ctx) error {
	prefix, err := searchedName(c.Query("username"))
	if err != nil {
		return err
	}
	by := viewer(c)
	list := paging.Of("search", by.ID, by.Tenant, prefix)
	behind, err := matchPoint(c, list)
	if err != nil {
		return err
	}
	matches, err := s.deps.Store.SearchUsers(c.UserContext(), by, prefix, behind, matchesPerPage+1)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(pageOf(matches, list))
}

// searchedName is the beginning of the names that are searched for. The error is the problem invalid-request.
func searchedName(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", httpapi.InvalidRequest("username must be text without control characters")
	}
	if utf8.RuneCountInString(text) > people.MaxSearchName {
		return "", httpapi.InvalidRequest(fmt.Sprintf("username must have at most %d characters", people.MaxSearchName))
	}
	prefix := people.SearchName(text)
	if prefix == "" {
		return "", httpapi.InvalidRequest("username is missing: the beginning of the names that are searched for")
	}
	return prefix, nil
}

// pageOf is a page of the matches, of which there may be one too many: then there is another page.
func pageOf(matches []people.Match, list paging.List) wire.UserPage {
	page := wire.UserPage{Content: []wire.RelatedUser{}}
	if len(matches) > matchesPerPage {
		matches = matches[:matchesPerPage]
		last := matches[len(matches)-1]
		next := list.Cursor(append(last.User.ID[:], last.SearchName...))
		page.NextCursor = &next
	}
	for _, match := range matches {
		page.Content = append(page.Content, match.RelatedUser)
	}
	return page
}

// matchPoint is where the search goes on. The error is the problem invalid-cursor.
func matchPoint(c *fiber.Ctx, list paging.List) (people.MatchPoint, error) {
	point, err := pointIn(httpapi.ArgsOf(c), list)
	if err != nil || point == nil {
		return people.MatchPoint{}, err
	}
	if len(point) < len(uuid.UUID{}) || !utf8.Valid(point[len(uuid.UUID{}):]) {
		return people.MatchPoint{}, invalidCursor()
	}
	return people.MatchPoint{ID: uuid.UUID(point[:len(uuid.UUID{})]), SearchName: string(point[len(uuid.UUID{}):])}, nil
}
