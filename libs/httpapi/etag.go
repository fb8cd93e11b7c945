package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// AnswerTagged answers with JSON and its ETag, or with 304 where the client has the same already.
func AnswerTagged(c *fiber.Ctx, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	sum := sha256.Sum256(body)
	if Tagged(c, `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`) {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

// Tagged puts a tag on the answer, and reports whether the client has what it is of already.
func Tagged(c *fiber.Ctx, tag string) (known bool) {
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	return NamesTag(c.Get(fiber.HeaderIfNoneMatch), tag)
}

// NamesTag reports whether If-None-Match names the tag, RFC 9110, section 13.1.2.
func NamesTag(header, tag string) bool { return namesTag(header, tag, "W/") }

// NamesTagStrongly reports whether If-Match names the tag, RFC 9110, section 13.1.1.
func NamesTagStrongly(header, tag string) bool { return namesTag(header, tag, "") }

func namesTag(header, tag, ignored string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, ignored) == tag {
			return true
		}
	}
	return false
}
