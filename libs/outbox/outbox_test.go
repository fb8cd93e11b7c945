package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/outbox"
	outboxsqlite "github.com/ism-chat/ism/libs/outbox/sqlite"
	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

func TestARowIsTheRecordOfItsEvent(t *testing.T) {
	traced := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	}))
	at := time.Date(2026, 11, 23, 12, 30, 45, 123456789, time.UTC)
	room, user := uuid.New(), uuid.New()
	read := events.RoomRead{RoomID: room, UserID: user, ReadAt: wire.At(at), Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1}}
	row, err := outbox.NewRow(traced, telemetry.Discard(nil).Propagator, "/ism/test", at, read)
	if err != nil {
		t.Fatal(err)
	}
	if row.Topic != events.TopicRooms || row.Key != room.String() || !row.At.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("the row is %+v", row)
	}
	if !strings.HasPrefix(row.Headers["traceparent"], "00-0100") {
		t.Errorf("its trace is %q", row.Headers["traceparent"])
	}
	delete(row.Headers, "traceparent")
	eventstest.Conforms(t, row.Headers, row.Value)
	if event, err := events.Decode(row.Headers, row.Value); err != nil || event.Source != "/ism/test" {
		t.Errorf("its event is %+v, %v", event, err)
	}
}

func TestWhatIsNoEventOrTooLargeIsNoRow(t *testing.T) {
	preview := wire.TextPreview("alice", "Soup?")
	room, user := uuid.New(), uuid.New()
	posted := events.MessagePosted{
		RoomID: room, Preview: preview, Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
		Message: wire.Message{RoomID: room, ID: uuid.New(), SenderID: user, Type: wire.Text, CreatedAt: wire.At(time.Now())},
	}
	for size, want := range map[int]error{0: events.ErrMalformed, outbox.MaxValue / 2: nil, outbox.MaxValue: outbox.ErrTooLarge} {
		posted.Message.Body = []byte(strings.Repeat("7", size))
		_, err := outbox.NewRow(t.Context(), telemetry.Discard(nil).Propagator, "/ism/test", time.Now(), posted)
		if !errors.Is(err, want) {
			t.Errorf("a body of %d bytes: %v, want %v", size, err, want)
		}
	}
}

// printed is a log of a service that is being tried.
type printed chan string

func (p printed) ProduceAll(_ context.Context, records []bus.Record) ([]bus.Receipt, error) {
	for _, record := range records {
		p <- fmt.Sprintf("%s: %s of room %s", record.Topic, record.Headers[events.HeaderType], record.Key)
	}
	return make([]bus.Receipt, len(records)), nil
}

// store is the part of a service's store on SQLite that the outbox needs.
type store struct {
	*outboxsqlite.Outbox
	db *sqlite.DB
}

func (s store) Lead(ctx context.Context) (outbox.Lead, error) { return s.Outbox.Lead(ctx, s.db) }

func (s store) Pending(ctx context.Context, rows []int64) ([]int64, error) {
	return s.Outbox.Pending(ctx, s.db, rows)
}

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())
	tel := telemetry.Discard(nil)
	db, err := sqlite.Open(ctx, filepath.Join(dir, "rooms.db"), sqlite.UserVersion(outboxsqlite.Schema), nil)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	s := store{outboxsqlite.New(3 * time.Second), db}

	// The relay is a part of the service. Its log is a bus.Producer that is gapless.
	relay, err := outbox.New(s, "rooms", tel)
	if err != nil {
		panic(err)
	}
	topic, ended := make(printed, 1), make(chan struct{})
	go func() { relay.Run(ctx, topic); close(ended) }()

	// A change and its event are one transaction.
	alice := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	read := events.RoomRead{
		RoomID: uuid.MustParse("0192d3a0-0000-7000-8000-000000000001"), UserID: alice, ReadAt: wire.At(time.Now()),
		Audience: events.Audience{Users: []uuid.UUID{alice}, Version: 1},
	}
	var row int64
	err = db.Transact(ctx, func(tx *sql.Tx) error {
		// Here stand the change's own statements. They lock the room.
		made, err := outbox.NewRow(ctx, tel.Propagator, "/ism/rooms", time.Now(), read)
		if err != nil {
			return err
		}
		row, err = s.Append(ctx, tx, made)
		return err
	})
	if err != nil {
		panic(err)
	}
	s.Wake()
	relay.Await(ctx, row) // before the request is answered
	fmt.Println(<-topic)
	stop()
	<-ended
	// Output: ism.rooms: ism.room.read.v1 of room 0192d3a0-0000-7000-8000-000000000001
}
