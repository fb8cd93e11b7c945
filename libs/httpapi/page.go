package httpapi

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// HeaderNextCursor has the cursor of a list's next page, beside the Link header, RFC 8288, for clients that do not read that.
const HeaderNextCursor = "X-Next-Cursor"

// OfferNext says where the next page of a list is: behind the cursor, with whatever else was asked for.
func OfferNext(c *fiber.Ctx, cursor string, asked url.Values) {
	next := url.Values{"cursor": {cursor}}
	maps.Copy(next, asked)
	c.Set(HeaderNextCursor, cursor)
	c.Set(fiber.HeaderLink, "<"+c.Path()+"?"+next.Encode()+`>; rel="next"`)
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
