package outbox

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
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// TestRowsReachKafka relays from Postgres to Kafka, and reads there what each room was told, in its order.
func TestRowsReachKafka(t *testing.T) {
	s := onPostgres(t, enginetest.PostgresDatabase(t))
	tel := telemetry.Discard(nil)
	b := bus.New(bus.Config{
		Brokers: enginetest.KafkaBrokers(t), ClientID: "rooms-outbox-test", SecurityProtocol: "plaintext", Replication: 1,
	}, tel)
	t.Cleanup(b.Close)
	if err := b.EnsureTopics(t.Context(), events.TopicRooms); err != nil {
		t.Fatal(err)
	}
	producer, err := b.NewProducer(bus.ProducerConfig{DeliveryTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := producer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	ids, rows := rooms(t, s, 20)
	rows = append(rows, markRead(t, s, ids)...)
	want := map[string][]string{}
	leader, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := leader.Oldest(t.Context(), 100)
	if err != nil || len(waiting) != len(rows) {
		t.Fatalf("%d rows wait, %v", len(waiting), err)
	}
	leader.Release()
	for _, outgoing := range waiting {
		want[outgoing.Key] = append(want[outgoing.Key], outgoing.Headers["ce_id"])
	}
	r := New(s, tel)
	run(t, r, producer)
	for _, row := range rows {
		await(t, "a row in Kafka", func() bool {
			pending, err := s.Pending(t.Context(), row)
			return err == nil && !pending
		})
	}
	got := readSince(t, b, began.Add(-time.Minute), ids)
	for room, events := range want {
		if !slices.Equal(got[room], events) {
			t.Errorf("room %s has the events %v, want %v", room, got[room], events)
		}
	}
}

// markRead lets every member of the rooms read them, and gives the rows.
func markRead(t *testing.T, s store.Store, rooms []string) (rows []int64) {
	t.Helper()
	for _, room := range rooms {
		id := uuid.MustParse(room)
		membership, err := s.Membership(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, member := range membership.Members {
			row, err := s.MarkRead(t.Context(), id, member.ID, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// readSince gives the ids of the events that the log has had since then, by room, for the given rooms.
func readSince(t *testing.T, b *bus.Bus, since time.Time, rooms []string) map[string][]string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var mu sync.Mutex
	found := map[string][]string{}
	reader, err := b.NewReader(bus.ReaderConfig{
		Topic: events.TopicRooms,
		Since: since,
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
