package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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

// screen prints two users side by side. It is safe for concurrent use.
type screen struct {
	mu  sync.Mutex
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

func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.out, text)
}

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

// errMissed says that a stream cannot give what it has missed: there is nothing more to be shown with it.
var errMissed = errors.New("the stream could not be resumed: events were missed")

// nextMessage reads the stream up to its next chat message.
func nextMessage(stream *client.Stream) (wire.Message, error) {
	for {
		event, err := stream.Next()
		switch {
		case err != nil:
			return wire.Message{}, fmt.Errorf("read the stream: %w", err)
		case event.Type == "Resync":
			return wire.Message{}, errMissed
		case event.Type != "ChatMessage":
			continue
		}
		var chat wire.ChatMessage
		if err := json.Unmarshal(event.Data, &chat); err != nil {
			return wire.Message{}, fmt.Errorf("decode a chat message: %w", err)
		}
		return chat.Message, nil
	}
}
