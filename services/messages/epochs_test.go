package messages_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

// reopening are the stores, each as a function that opens the same data again.
func reopening() map[string]func(t *testing.T) func() store.Store {
	return map[string]func(t *testing.T) func() store.Store{
		"sqlite": func(t *testing.T) func() store.Store {
			path := filepath.Join(t.TempDir(), "messages.db")
			return func() store.Store { return sqlite.New(path, slog.New(slog.DiscardHandler)) }
		},
		"cassandra": func(t *testing.T) func() store.Store {
			cfg := cassandratest.Config(t)
			return func() store.Store {
				s, err := cassandra.New(cfg, cassandra.MigrateAuto, telemetry.Discard(nil))
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
		},
	}
}

// An operator deletes the topic and starts the service again, nothing else. Its offsets begin at 0, where other messages are.
func TestALogThatIsMadeAnewComesBehindHistory(t *testing.T) {
	for name, opening := range reopening() {
		t.Run(name, func(t *testing.T) {
			open, broker := opening(t), nodetest.Broker(t)
			w := newWorld(t, broker.ListenAddrs(), open())
			room, user := w.newRoom()
			var sent []wire.Message
			for i := range 5 {
				sent = append(sent, w.mustSend(user, room, fmt.Sprintf("before %d", i)))
			}
			w.caughtUp(kafkaClient(t, w.brokers))
			w.stop()
			if err := broker.DeleteTopic(events.TopicRooms); err != nil {
				t.Fatal(err)
			}
			w.store = &faulty{Store: open()}
			w.start()
			w.awaitReady()
			for i := range 3 {
				sent = append(sent, w.mustSend(user, room, fmt.Sprintf("after %d", i)))
			}
			healed := wire.Message{ // no send has written it through: the consumer group comes to it
				RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: user, Body: []byte(`{"text":"healed"}`), Type: wire.Text,
				CreatedAt: wire.At(time.Now()),
			}
			produce(t, w.brokers, events.MessagePosted{
				RoomID: room, Message: healed, Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
			})
			sent = append(sent, healed)
			slices.Reverse(sent)
			w.holds(t, user, room, sent)
			w.caughtUp(kafkaClient(t, w.brokers))
			sameMessages(t, w.timeline(user, room), sent)
			if lines := w.log.taken(); len(lines) > 0 {
				t.Errorf("errors are logged: %v", lines)
			}
		})
	}
}

// Whether the log is still the one that positions are of, only the store can say.
func TestNothingIsSentBeforeTheEpochIsKnown(t *testing.T) {
	open := reopening()["sqlite"](t)
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), open())
	room, user := w.newRoom()
	before := w.mustSend(user, room, "before")
	w.stop()
	w.store = &faulty{Store: open()}
	w.store.set(true, false)
	w.start()
	servicetest.AwaitSuccess(t, "readiness says so", func() error {
		got := w.do(user, http.MethodGet, "/ready", nil)
		if got.Status != http.StatusServiceUnavailable || !strings.Contains(string(got.Body), `"messages-log":"unavailable"`) {
			return fmt.Errorf("GET /ready: %s", got)
		}
		return nil
	})
	if got := w.send(user, room, "meanwhile"); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("a send is answered with %s", got)
	}
	w.store.set(false, false)
	w.awaitReady()
	after := w.mustSend(user, room, "after")
	w.holds(t, user, room, []wire.Message{after, before})
}

// A log that has lost its end gives offsets out again. What was acknowledged then is not buried: its partition waits, and says why.
func TestAMessageWhosePositionIsTakenWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	first := w.mustSend(user, room, "first")
	taker := store.Entry{Position: w.position(first), Message: first}
	taker.Position.Offset++
	taker.Message.ID, taker.Message.Body = uuid.Must(uuid.NewV7()), []byte(`{"text":"was there"}`)
	if err := w.store.Append(t.Context(), []store.Entry{taker}); err != nil {
		t.Fatal(err)
	}
	w.log.taken()
	w.mustSend(user, room, "at the same position")
	var lines []string
	says := func(what string) bool {
		lines = append(lines, w.log.taken()...)
		return slices.ContainsFunc(lines, func(line string) bool {
			return strings.Contains(line, what) && strings.Contains(line, "ism.rooms has lost records") && strings.Contains(line, "docs/operations.md")
		})
	}
	servicetest.Await(t, "the send is told of", func() bool { return says("messages are left to the consumer group") })
	servicetest.Await(t, "the partition waits", func() bool { return says("its partition waits") })
	sameMessages(t, w.timeline(user, room), []wire.Message{taker.Message, first})
	if n := lengthOf(t, kafkaClient(t, w.brokers), events.TopicDeadLetters); n != 0 {
		t.Errorf("%d records went to the dead letters", n)
	}
}

// position is where a message that was sent is.
func (w *world) position(message wire.Message) events.Position {
	w.tb.Helper()
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	for _, line := range w.log.accepted {
		if line["message_id"] == message.ID.String() {
			epoch, _ := strconv.ParseInt(line["epoch"], 10, 32)
			offset, _ := strconv.ParseInt(line["offset"], 10, 64)
			return events.Position{Epoch: int32(epoch), Offset: offset}
		}
	}
	w.tb.Fatalf("message %s has no line in the log", message.ID)
	return events.Position{}
}
