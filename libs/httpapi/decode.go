package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// maxDepth is how deep objects and arrays may be nested.
const maxDepth = 32

// Decode reads the request's JSON body into target, strictly: unknown fields are passed over; wrong types, a key that an
// object has twice (in any case of letters, as encoding/json does not tell them apart), trailing data, invalid UTF-8 and deep
// nesting are refused. The error is a [Problem]: unsupported-media-type, malformed-json or, for a NUL in a string,
// invalid-request.
func Decode(c *fiber.Ctx, target any) error {
	mediaType, parameters, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	charset := parameters["charset"]
	if err != nil || mediaType != fiber.MIMEApplicationJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problemOfStatus(http.StatusUnsupportedMediaType)
	}
	return decode(c.Body(), target)
}

func decode(raw []byte, target any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return malformed("the body is empty")
	}
	if !utf8.Valid(raw) {
		return malformed("the body is not UTF-8")
	}
	if err := scan(raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, target); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return malformed("field %q must not be a JSON %s", wrong.Field, wrong.Value)
		}
		return malformed("a value has the wrong form").Because(err)
	}
	return nil
}

// object is what scan remembers of an object that it is in; of an array it is nil.
type object struct {
	keys  map[string]bool
	atKey bool
}

// scan refuses what encoding/json lets through.
func scan(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var open []*object
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && len(open) == 0:
			return nil
		case err != nil:
			return malformed("the body is no JSON, at byte %d", decoder.InputOffset())
		}
		if len(open) > 0 {
			if err := inObject(open[len(open)-1], token); err != nil {
				return err
			}
		}
		if text, ok := token.(string); ok && strings.ContainsRune(text, 0) {
			return InvalidRequest("a string contains the character NUL")
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &object{keys: map[string]bool{}, atKey: true})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return malformed("the body is nested deeper than %d levels", maxDepth)
		}
		if len(open) == 0 {
			return atEnd(decoder)
		}
	}
}

// inObject follows whether a token of an object is a key, and refuses a key that is there already.
func inObject(in *object, token json.Token) error {
	if in == nil || token == json.Delim('}') {
		return nil
	}
	if key, ok := token.(string); ok && in.atKey {
		folded := strings.ToLower(key)
		if in.keys[folded] {
			return malformed("the key %q is there twice", clip(key))
		}
		in.keys[folded] = true
		in.atKey = false
		return nil
	}
	in.atKey = true
	return nil
}

func atEnd(decoder *json.Decoder) error {
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return malformed("there is something behind the JSON value, at byte %d", decoder.InputOffset())
	}
	return nil
}

// clip shortens what a client sent to what an answer may repeat.
func clip(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// UUIDParam reads a path parameter that is an id. The error is the problem invalid-id.
func UUIDParam(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, err := uuid.Parse(c.Params(name))
	if err != nil || len(c.Params(name)) != len(uuid.Nil.String()) {
		return uuid.Nil, NewProblem(http.StatusBadRequest, "invalid-id", "Invalid id", "the path has no UUID where one belongs")
	}
	return id, nil
}
