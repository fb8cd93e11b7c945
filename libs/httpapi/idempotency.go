package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// MaxKey is how many characters an Idempotency-Key has at most, and any other name that a client gives to what it asks for.
const MaxKey = 255

const headerIdempotencyKey = "Idempotency-Key"

var errKey = errors.New("a name has 1 to 255 characters, and no control characters")

// IdempotencyKey reads the header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header, section 2.1); "" where there is none. The error is the
// problem malformed-idempotency-key, also where it is there twice.
func IdempotencyKey(c *fiber.Ctx) (string, error) {
	headers := c.Request().Header.PeekAll(headerIdempotencyKey)
	if len(headers) == 0 {
		return "", nil
	}
	key, ok := parseKey(string(headers[0]))
	if !ok || len(headers) > 1 {
		return "", NewProblem(http.StatusBadRequest, "malformed-idempotency-key", "Malformed Idempotency-Key",
			"Idempotency-Key must be there once: a string in quotes, or without them, of 1 to 255 visible characters")
	}
	return key, nil
}

// parseKey reads a string of RFC 8941, section 3.3.3, in quotes. Many clients leave out the quotes, so a key of visible characters without quotes, commas,
// semicolons and backslashes is taken as it is.
func parseKey(header string) (key string, ok bool) {
	text := strings.Trim(header, " \t")
	if !strings.HasPrefix(text, `"`) {
		bad := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`",;\`, r) })
		return text, !bad && CheckKey(text) == nil
	}
	var read strings.Builder
	for at := 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return read.String(), at == len(text)-1 && CheckKey(read.String()) == nil
		case c == '\\':
			if at++; at == len(text) || text[at] != '"' && text[at] != '\\' {
				return "", false
			}
			read.WriteByte(text[at])
		case c < ' ' || c > '~':
			return "", false
		default:
			read.WriteByte(c)
		}
	}
	return "", false
}

// CheckKey says what is wrong with a name that a client gives to what it asks for.
func CheckKey(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxKey || strings.ContainsFunc(name, unicode.IsControl) {
		return errKey
	}
	return nil
}
