package cassandra_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// BenchmarkAppend measures what decides how messages are written: one by one, many at once, and in batches as the consumer
// group does.
func BenchmarkAppend(b *testing.B) {
	s := storetest.Start(b, newStore(b, cassandratest.Config(b)))
	var offset atomic.Int64
	next := func(room uuid.UUID) store.Entry {
		return store.Entry{Position: events.Position{Offset: offset.Add(1)}, Message: wire.Message{
			RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: room,
			Body: json.RawMessage(`{"text":"the usual length of a message, more or less"}`), Type: wire.Text, CreatedAt: wire.At(time.Now()),
		}}
	}
	room := uuid.Must(uuid.NewV7())
	write := func(b *testing.B, entries ...store.Entry) {
		if err := s.Append(context.Background(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			write(b, next(room))
		}
	})
	b.Run("32 at once", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				write(b, next(room))
			}
		})
	})
	for name, rooms := range map[string]int{"500 of one room": 1, "500 of 100 rooms": 100, "500 of 500 rooms": 500} {
		ids := make([]uuid.UUID, rooms)
		for i := range ids {
			ids[i] = uuid.Must(uuid.NewV7())
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				entries := make([]store.Entry, 500)
				for i := range entries {
					entries[i] = next(ids[i%rooms])
				}
				write(b, entries...)
			}
			b.ReportMetric(float64(b.N)*500/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkRead measures a page and a look-up in a room of one bucket.
func BenchmarkRead(b *testing.B) {
	s := storetest.Start(b, newStore(b, cassandratest.Config(b)))
	room := uuid.Must(uuid.NewV7())
	entries := make([]store.Entry, 1000)
	for i := range entries {
		entries[i] = entry(room, int64(i))
		entries[i].Message.CreatedAt = wire.At(time.Now())
	}
	if err := s.Append(context.Background(), entries); err != nil {
		b.Fatal(err)
	}
	b.Run("page of 50", func(b *testing.B) {
		for b.Loop() {
			if page, err := s.Page(context.Background(), room, store.Range{Before: entries[900].Position}, 50); err != nil || len(page) != 50 {
				b.Fatal(len(page), err)
			}
		}
	})
	b.Run("find", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := s.Find(context.Background(), room, entries[i%len(entries)].Message.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
