package httpapi

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// Headers that have the cursors of a list's neighbouring pages, beside the Link header, RFC 8288, for clients that do not read that.
const (
	HeaderNextCursor     = "X-Next-Cursor"
	HeaderPreviousCursor = "X-Previous-Cursor"
)

// OfferNext says where the next page of a list is: behind the cursor, with whatever else is to be asked for.
func OfferNext(c *fiber.Ctx, cursor string, asked url.Values) {
	offer(c, HeaderNextCursor, "next", cursor, asked)
}

// OfferPrevious says where the page is that stands before this one, on its other side.
func OfferPrevious(c *fiber.Ctx, cursor string, asked url.Values) {
	offer(c, HeaderPreviousCursor, "prev", cursor, asked)
}

func offer(c *fiber.Ctx, header, relation, cursor string, asked url.Values) {
	query := url.Values{"cursor": {cursor}}
	maps.Copy(query, asked)
	c.Set(header, cursor)
	c.Append(fiber.HeaderLink, "<"+c.Path()+"?"+query.Encode()+`>; rel="`+relation+`"`)
}

// Args gives a query's parameters: what it says of a name, and whether it says anything.
type Args func(name string) (value string, given bool)

// ArgsOf gives the parameters of a request's query. They are valid as long as the request.
func ArgsOf(c *fiber.Ctx) Args {
	args := c.Context().QueryArgs()
	return func(name string) (string, bool) { return string(args.Peek(name)), args.Has(name) }
}

// Limit reads how many a page may have: from 1 to most, and as many as usual where the query does not say. The error is the problem invalid-request.
func (a Args) Limit(usual, most int) (int, error) {
	text, given := a("limit")
	if !given {
		return usual, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > most {
		return 0, InvalidRequest(fmt.Sprintf("limit must be a number from 1 to %d", most))
	}
	return limit, nil
}
