package messages

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

// A process knows the pace of a room by what it reads of the log, and says it in what it sends there. Clients do not see it.
func TestAMessageSaysThePaceOfItsRoom(t *testing.T) {
	t.Parallel()
	tel := telemetry.Discard(nil)
	kafka := bus.New(bus.Config{}, tel)
	defer kafka.Close()
	s, err := New(Config{LogTimeout: time.Second, Members: membership.Config{CacheBytes: 1 << 20, CacheTTL: time.Minute}}, Deps{
		Store: sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler)), Bus: kafka, Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	said := utterance{
		members: events.Membership{RoomID: uuid.New(), Audience: events.Audience{Users: []uuid.UUID{uuid.New()}, Version: 1}},
		sender:  authn.Principal{UserID: uuid.New()}, what: body.Text{TextBody: wire.TextBody{Text: "hello"}},
	}
	compose := func() (events.Event, bus.Record) {
		t.Helper()
		event, err := s.compose(said, json.RawMessage(`{"text":"hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		headers, value, err := events.Encode(event)
		if err != nil {
			t.Fatal(err)
		}
		return event, bus.Record{Topic: events.TopicRooms, Key: said.members.RoomID.String(), Headers: headers, Value: value}
	}
	is := func(when string, want events.Pace) {
		t.Helper()
		event, record := compose()
		if got := event.Data.(events.MessagePosted).Pace; got != want {
			t.Errorf("%s a message says the pace %d, want %d", when, got, want)
		}
		envelope, ok := events.OpenEnvelope(record.Key, record.Headers, record.Value)
		if !ok || bytes.Contains(envelope.AppendPayload(nil), []byte("pace")) {
			t.Errorf("%s clients see %s", when, envelope.AppendPayload(nil))
		}
		decoded, err := events.Decode(record.Headers, record.Value)
		if err != nil || decoded.Data.(events.MessagePosted).Pace != want {
			t.Errorf("%s it is read as %+v, %v", when, decoded, err)
		}
	}
	is("at first", 0)
	_, record := compose()
	for range events.PaceMessages + 1 {
		record.Offset += 9
		if err := s.follow(t.Context(), []bus.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	is("in a busy room", 17)
	s.jumped(nil)
	is("when the log has jumped", 0)
}
