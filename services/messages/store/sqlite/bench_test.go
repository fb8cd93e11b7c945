package sqlite_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// BenchmarkAppend measures one writer and many, who share transactions.
func BenchmarkAppend(b *testing.B) {
	s := storetest.Start(b, sqlite.New(filepath.Join(b.TempDir(), "messages.db"), slog.New(slog.DiscardHandler)))
	room := uuid.Must(uuid.NewV7())
	var offset atomic.Int64
	write := func(b *testing.B) {
		entry := store.Entry{Position: events.Position{Offset: offset.Add(1)}, Message: wire.Message{
			RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: room,
			Body: json.RawMessage(`{"text":"the usual length of a message, more or less"}`), Type: wire.Text, CreatedAt: wire.At(time.Now()),
		}}
		if err := s.Append(context.Background(), []store.Entry{entry}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			write(b)
		}
	})
	b.Run("32 at once", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				write(b)
			}
		})
	})
}
