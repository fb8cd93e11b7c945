package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

type side int

const (
	leftSide side = iota
	rightSide
)

// column is the width of one user's side, characters.
const column = 38

// screen prints two users side by side.
type screen struct {
	out io.Writer
}

func newScreen(out io.Writer, left, right string) *screen {
	s := &screen{out: out}
	s.row(left, right)
	s.row(strings.Repeat("─", column), strings.Repeat("─", column))
	return s
}

func (s *screen) say(on side, text string) {
	if on == leftSide {
		s.row(text, "")
		return
	}
	s.row("", text)
}

func (s *screen) row(left, right string) {
	pad := max(0, column-utf8.RuneCountInString(left))
	s.line(left + strings.Repeat(" ", pad) + " │ " + right)
}

func (s *screen) line(text string) { _, _ = fmt.Fprintln(s.out, text) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func textOf(message wire.Message) string {
	var body wire.TextBody
	if err := json.Unmarshal(message.Body, &body); err != nil {
		return string(message.Body)
	}
	return body.Text
}

// nextMessage reads the stream up to its next chat message.
func nextMessage(stream *client.Stream) (wire.Message, error) {
	timer := time.AfterFunc(timeout, stream.Close)
	defer timer.Stop()
	for {
		event, err := stream.Next()
		if err != nil {
			return wire.Message{}, fmt.Errorf("read the stream: %w", err)
		}
		if event.Type != "ChatMessage" {
			continue
		}
		var chat wire.ChatMessage
		if err := json.Unmarshal(event.Data, &chat); err != nil {
			return wire.Message{}, fmt.Errorf("decode a chat message: %w", err)
		}
		return chat.Message, nil
	}
}

// awaitMessage reads the stream up to the message and gives the time at which it was read.
func awaitMessage(stream *client.Stream, id uuid.UUID) (time.Time, error) {
	for {
		message, err := nextMessage(stream)
		if err != nil {
			return time.Time{}, err
		}
		if message.ID == id {
			return time.Now(), nil
		}
	}
}
