package notifications

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
)

const (
	mimeLines = "application/x-ndjson"

	// maxLines is how many notifications a batch has at most. All of it is within the listener's limit of bodies.
	maxLines = 1000
)

// notifiedLine says what has become of a line: what an answer to it alone would say.
type notifiedLine struct {
	Line          int                 `json:"line"` // of the request, from 1
	Status        int                 `json:"status"`
	Notifications []wire.NotifiedUser `json:"notifications,omitempty"`
	Code          string              `json:"code,omitempty"`
	Detail        string              `json:"detail,omitempty"`
}

// isBatch reports whether a request has lines.
func isBatch(c *fiber.Ctx) bool {
	mediaType, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	return err == nil && mediaType == mimeLines
}

// batch is the lines of a request.
type batch struct {
	lines []notifiedLine // those that are not empty
	asked []intake.Asked // of those that can be told
	of    []int          // for each of asked, its line
}

// notifyBatch handles POST /api/notify with lines. A line that cannot be told does not keep the others from it; without rooms, where it is needed, none is told.
func (s *Service) notifyBatch(c *fiber.Ctx) error {
	body, err := httpapi.PlainBody(c)
	if err != nil {
		return err
	}
	key, err := httpapi.IdempotencyKey(c)
	if err != nil {
		return err
	}
	by := authn.Caller(c)
	b, err := readBatch(body, by.UserID, key)
	if err != nil {
		return err
	}
	refused, err := s.intake.Vet(c.UserContext(), by.Tenant, b.asked...)
	if err != nil {
		return problemOf(err, 0)
	}
	b.dropRefused(refused)
	users := 0
	for i, told := range s.intake.Tell(c.UserContext(), b.asked...) {
		if told.Err != nil {
			b.fail(b.of[i], problemOf(told.Err, len(b.asked[i].Users)))
			s.deps.Telemetry.Log.WarnContext(c.UserContext(), "a line is not told", "line", b.lines[b.of[i]].Line, "error", told.Err.Error())
			continue
		}
		users += len(told.Notifications)
		b.lines[b.of[i]].Status, b.lines[b.of[i]].Notifications = http.StatusAccepted, told.Notifications
	}
	s.deps.Telemetry.Log.InfoContext(c.UserContext(), "users are told", slog.Int("users", users), slog.Int("lines", len(b.lines)))
	return b.answer(c)
}

// readBatch reads the lines for a backend; the key names them all. The error is a problem of the whole.
func readBatch(body []byte, backend uuid.UUID, key string) (*batch, error) {
	b := &batch{}
	taken, names := time.Now(), map[string]int{}
	number := 0
	for text := range bytes.SplitSeq(body, []byte{'\n'}) {
		number++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if len(b.lines) == maxLines {
			return nil, httpapi.InvalidRequest(fmt.Sprintf("there are more than %d lines", maxLines))
		}
		b.lines = append(b.lines, notifiedLine{Line: number})
		at := len(b.lines) - 1
		told, name, err := intake.ParseLine(text)
		if first, again := names[name]; err == nil && name != "" && again {
			err = httpapi.InvalidRequest(fmt.Sprintf("id is that of line %d", first))
		}
		if err != nil {
			b.fail(at, err)
			continue
		}
		names[name] = number
		b.asked = append(b.asked, intake.Asked{Notification: told, IDs: idsOfLine(backend, key, name, number), Taken: taken})
		b.of = append(b.of, at)
	}
	if len(b.lines) == 0 {
		return nil, httpapi.InvalidRequest("there are no lines")
	}
	return b, nil
}

// idsOfLine are those of the line's own name, or of the batch's and the line's number, or others each time. No key has a line feed.
func idsOfLine(backend uuid.UUID, key, name string, number int) intake.IDs {
	switch {
	case name != "":
		return intake.OfKey(backend, name)
	case key != "":
		return intake.OfKey(backend, key+"\n"+strconv.Itoa(number))
	default:
		return intake.Unnamed()
	}
}

// dropRefused leaves those that may not be told out of what is asked.
func (b *batch) dropRefused(refused []error) {
	asked, of := b.asked[:0], b.of[:0]
	for i, one := range b.asked {
		if refused[i] != nil {
			b.fail(b.of[i], problemOf(refused[i], 0))
			continue
		}
		asked, of = append(asked, one), append(of, b.of[i])
	}
	b.asked, b.of = asked, of
}

// fail notes why a line is not told.
func (b *batch) fail(at int, err error) {
	line := &b.lines[at]
	line.Status, line.Code, line.Detail = http.StatusInternalServerError, "internal", "something went wrong on our side"
	var problem *httpapi.Problem
	if errors.As(err, &problem) {
		line.Status, line.Code, line.Detail = problem.Status, problem.Code, problem.Detail
	}
}

func (b *batch) answer(c *fiber.Ctx) error {
	var answer bytes.Buffer
	lines := json.NewEncoder(&answer) // ends each with a line feed
	for _, line := range b.lines {
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("encode the answer to line %d: %w", line.Line, err)
		}
	}
	c.Set(fiber.HeaderContentType, mimeLines)
	return c.Send(answer.Bytes())
}
