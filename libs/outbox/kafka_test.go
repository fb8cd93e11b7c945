package outbox_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// TestRowsReachKafka relays from Postgres to Kafka, and reads there the events of each room, in their order.
func TestRowsReachKafka(t *testing.T) {
	s := onPostgres(t, newDatabase(t))
	b, producer := onKafka(t)
	began := time.Now()
	rooms := make([]string, 20)
	want := map[string][]string{}
	var rows []int64
	for range 3 {
		for i := range rooms {
			if rooms[i] == "" {
				rooms[i] = uuid.NewString()
			}
			row, id := appendRead(t, s, uuid.MustParse(rooms[i]))
			rows = append(rows, row)
			want[rooms[i]] = append(want[rooms[i]], id)
		}
	}
	run(t, newRelay(t, s), producer)
	awaitGone(t, s, rows...)
	got := readSince(t, b, began.Add(-time.Minute), rooms)
	for room, events := range want {
		if !slices.Equal(got[room], events) {
			t.Errorf("room %s has the events %v, want %v", room, got[room], events)
		}
	}
}

// onKafka is a bus, and a producer as rooms has it.
func onKafka(t testing.TB) (*bus.Bus, *bus.Producer) {
	t.Helper()
	b := bus.New(bus.Config{
		Brokers: enginetest.KafkaBrokers(t), ClientID: "outbox-test", SecurityProtocol: "plaintext", Replication: 1,
	}, telemetry.Discard(nil))
	t.Cleanup(b.Close)
	if err := b.EnsureTopics(t.Context(), events.TopicRooms); err != nil {
		t.Fatal(err)
	}
	producer, err := b.NewProducer(bus.ProducerConfig{DeliveryTimeout: time.Minute, Gapless: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := producer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b, producer
}

// appendRead appends an event of the room, and gives the ids of row and event.
func appendRead(t testing.TB, s outboxtest.Store, room uuid.UUID) (row int64, event string) {
	t.Helper()
	user, now := uuid.New(), time.Now()
	read := events.RoomRead{RoomID: room, UserID: user, ReadAt: wire.At(now), Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1}}
	made, err := outbox.NewRow(t.Context(), telemetry.Discard(nil).Propagator, "/ism/test", now, read)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) (err error) {
		row, err = add(made)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row, made.Headers[events.HeaderID]
}

// readSince gives the ids of the events that the log has had since then, by room, for the given rooms.
func readSince(t *testing.T, b *bus.Bus, since time.Time, rooms []string) map[string][]string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var mu sync.Mutex
	found := map[string][]string{}
	reader, err := b.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicRooms},
		Since:  since,
		Handler: func(_ context.Context, records []bus.Record) error {
			mu.Lock()
			defer mu.Unlock()
			for _, record := range records {
				if slices.Contains(rooms, record.Key) {
					found[record.Key] = append(found[record.Key], record.Headers["ce_id"])
				}
			}
			return nil
		},
		MaxBatch: 100,
		CaughtUp: stop,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Run(ctx); err != nil {
		t.Fatalf("read the log: %v", err)
	}
	return found
}
