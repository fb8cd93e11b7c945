package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// maxDepth is how deep objects and arrays may be nested.
const maxDepth = 32

// Decode reads the request's JSON body into target, strictly: unknown fields are passed over; wrong types, a key that an
// object has twice (in any case of letters, as encoding/json does not tell them apart), trailing data, invalid UTF-8, half a surrogate
// pair in an escape (RFC 8259, section 8.2: encoding/json would make another character of it) and deep nesting are refused. The error is
// a [Problem]: unsupported-media-type, malformed-json or, for a NUL in a string, invalid-request.
func Decode(c *fiber.Ctx, target any) error {
	body, err := JSONBody(c)
	if err != nil {
		return err
	}
	return decode(body, target)
}

// JSONBody gives the request's body as it has come, for [DecodeJSON]. It is of the type application/json, or of one of the others. The error is the problem
// unsupported-media-type.
func JSONBody(c *fiber.Ctx, others ...string) ([]byte, error) {
	if !isJSON(c.Get(fiber.HeaderContentType), others...) {
		return nil, problemOfStatus(http.StatusUnsupportedMediaType)
	}
	return PlainBody(c)
}

// PlainBody gives the request's body as it has come, of whatever type, unless it is compressed. The error is the problem unsupported-media-type.
func PlainBody(c *fiber.Ctx) ([]byte, error) {
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		c.Set(fiber.HeaderAcceptEncoding, "identity") // RFC 9110, section 15.5.16
		return nil, NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", "Unsupported media type", "the body must not be compressed")
	}
	// Not fiber's Body: it would expand what is compressed, past every limit.
	return c.Request().Body(), nil
}

// DecodeJSON reads a JSON text that is not a whole body, such as a line of one, as strictly as Decode. The errors are the same problems.
func DecodeJSON(text []byte, target any) error { return decode(text, target) }

// DecodeField reads the value of a field of what Decode has let through, whose type the other fields say. The error is the problem malformed-json.
func DecodeField(name string, value json.RawMessage, target any) error {
	err := json.Unmarshal(value, target)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		name += "." + wrong.Field
	}
	kind := "value"
	if wrong != nil {
		kind, _, _ = strings.Cut(wrong.Value, " ")
	}
	return malformed("the field %q cannot be this JSON %s", clip(name), kind)
}

// isJSON reports whether a Content-Type is that of JSON in UTF-8, or one of the others, in lower case.
func isJSON(contentType string, others ...string) bool {
	if contentType == fiber.MIMEApplicationJSON {
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	charset := parameters["charset"]
	return err == nil && (mediaType == fiber.MIMEApplicationJSON || slices.Contains(others, mediaType)) && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

func decode(raw []byte, target any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return malformed("the body is empty")
	}
	if !utf8.Valid(raw) {
		return malformed("the body is not UTF-8")
	}
	if err := json.Unmarshal(raw, target); err != nil {
		return undecodable(err)
	}
	return inspect(raw)
}

// undecodable is the answer to what encoding/json refuses. What it says of it may hold what the client sent, of any length.
func undecodable(err error) error {
	var (
		syntax *json.SyntaxError
		wrong  *json.UnmarshalTypeError
		target *json.InvalidUnmarshalError
	)
	switch {
	case errors.As(err, &target):
		return err
	case errors.As(err, &syntax):
		return malformed("the body is no JSON, at byte %d", syntax.Offset)
	case errors.As(err, &wrong):
		kind, _, _ := strings.Cut(wrong.Value, " ") // a number comes with its digits
		if wrong.Field == "" {
			return malformed("the body cannot be a JSON %s", kind)
		}
		return malformed("the field %q cannot be this JSON %s, at byte %d", clip(wrong.Field), kind, wrong.Offset)
	default:
		return malformed("a value has the wrong form").Because(err)
	}
}

// fewKeys is how many keys are compared one by one. Most requests have fewer, and need no map and no folded names.
const fewKeys = 8

// keySet has the keys that have been seen in a text.
type keySet struct {
	few  []key            // names as they are
	many map[key]struct{} // folded names; nil as long as there are few
}

// key is a key of one of the objects of a text.
type key struct {
	object int
	name   string
}

// add reports whether a key is new.
func (k *keySet) add(object int, name string) bool {
	if k.many == nil && len(k.few) < fewKeys {
		for _, seen := range k.few {
			if seen.object == object && strings.EqualFold(seen.name, name) {
				return false
			}
		}
		k.few = append(k.few, key{object, name})
		return true
	}
	if k.many == nil {
		k.many = map[key]struct{}{}
		for _, seen := range k.few {
			k.many[key{seen.object, fold(seen.name)}] = struct{}{}
		}
	}
	folded := key{object, fold(name)}
	_, seen := k.many[folded]
	k.many[folded] = struct{}{}
	return !seen
}

// inspect refuses what encoding/json has let through. The text is valid JSON, so one pass over its tokens is enough, without
// a grammar.
func inspect(raw []byte) error {
	var (
		open    [maxDepth]int // of each object around, its number; 0 for an array
		depth   int
		objects int
		atKey   bool
		space   [fewKeys]key
		seen    = keySet{few: space[:0]}
	)
	for at := 0; at < len(raw); at++ {
		switch raw[at] {
		case '{', '[':
			if depth == maxDepth {
				return malformed("the body is nested deeper than %d levels, at byte %d", maxDepth, at)
			}
			atKey = raw[at] == '{'
			open[depth] = 0
			if atKey {
				objects++
				open[depth] = objects
			}
			depth++
		case '}', ']':
			depth--
		case ',':
			atKey = open[depth-1] != 0
		case '"':
			text := quoted(raw[at:])
			switch {
			case text.hasNUL:
				return InvalidRequest("a string contains the character NUL")
			case text.hasHalf:
				return malformed("a string has half of a surrogate pair, at byte %d", at)
			}
			if atKey {
				name := text.value()
				if !seen.add(open[depth-1], name) {
					return malformed("the key %q is there twice, at byte %d", clip(name), at)
				}
				atKey = false
			}
			at += len(text.literal) - 1
		}
	}
	return nil
}

// literal is a JSON string with its quotes.
type literal struct {
	literal []byte
	escaped bool
	hasNUL  bool
	hasHalf bool // of a surrogate pair, escaped
}

// quoted is the string that a text begins with.
func quoted(text []byte) literal {
	l := literal{}
	for at := 1; at < len(text); at++ {
		switch text[at] {
		case '"':
			l.literal = text[:at+1]
			return l
		case '\\':
			l.escaped = true
			unit, escaped := escapedUnit(text[at:])
			l.hasNUL = l.hasNUL || escaped && unit == 0
			at++
			if !escaped || !utf16.IsSurrogate(unit) {
				continue
			}
			low, _ := escapedUnit(text[at+len("u0000"):])
			if utf16.DecodeRune(unit, low) == unicode.ReplacementChar {
				l.hasHalf = true
				continue
			}
			at += len(`u0000\u0000`) - 1
		}
	}
	l.literal = text
	return l
}

// escapedUnit is the UTF-16 code unit that a text begins with as an escape, \u and four digits.
func escapedUnit(text []byte) (rune, bool) {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(unit), err == nil
}

func (l literal) value() string {
	if !l.escaped {
		return string(l.literal[1 : len(l.literal)-1])
	}
	var value string
	_ = json.Unmarshal(l.literal, &value) // it is valid, as all of the text is
	return value
}

// fold makes keys equal that encoding/json takes for the same.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		if r < utf8.RuneSelf {
			return r
		}
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// clip shortens what a client sent to what an answer may repeat.
func clip(text string) string {
	const most = 40
	count := 0
	for at := range text {
		if count == most {
			return text[:at] + "…"
		}
		count++
	}
	return text
}
