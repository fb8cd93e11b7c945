package messages

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

func TestMessagesAreEditedWithinTheWindow(t *testing.T) {
	t.Parallel()
	sent, author := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), authn.Principal{UserID: uuid.New()}
	backend := authn.Principal{UserID: uuid.New(), Backend: true}
	of := func(kind wire.MessageType) store.Entry {
		return store.Entry{Message: wire.Message{SenderID: author.UserID, Type: kind, CreatedAt: wire.At(sent)}}
	}
	for name, c := range map[string]struct {
		of     store.Entry
		by     authn.Principal
		window time.Duration
		after  time.Duration
		want   error
	}{
		"at once":                       {of(wire.Text), author, 24 * time.Hour, 0, nil},
		"at its end":                    {of(wire.Media), author, 24 * time.Hour, 24*time.Hour - time.Microsecond, nil},
		"behind its end":                {of(wire.Reply), author, 24 * time.Hour, 24 * time.Hour, errEditWindowOver},
		"by a clock that is behind":     {of(wire.Text), author, time.Hour, -time.Minute, nil},
		"nobody edits":                  {of(wire.Text), author, 0, 0, errEditWindowOver},
		"nobody edits, another clock":   {of(wire.Text), author, 0, -time.Minute, errEditWindowOver},
		"the backend, too":              {of(wire.SystemMessage), backend, time.Hour, time.Hour - time.Microsecond, nil},
		"the backend, behind the end":   {of(wire.SystemMessage), backend, time.Hour, time.Hour, errEditWindowOver},
		"somebody else is told so only": {of(wire.Text), backend, time.Hour, 2 * time.Hour, errNotTheAuthor},
	} {
		if got := editable(c.of, c.by, c.window, sent.Add(c.after)); !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
