package sqlite_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// TestAMessageThatCannotBeStoredHarmsNoOther appends one without a body among others, while others append.
func TestAMessageThatCannotBeStoredHarmsNoOther(t *testing.T) {
	s := storetest.Start(t, sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler)))
	room := uuid.New()
	entry := func(offset int64, body string) store.Entry {
		return store.Entry{Position: events.Position{Offset: offset}, Message: wire.Message{
			RoomID: room, ID: uuid.New(), SenderID: room, Body: json.RawMessage(body), Type: wire.Text, CreatedAt: wire.At(time.Now()),
		}}
	}
	var appending sync.WaitGroup
	for i := range int64(50) {
		appending.Go(func() {
			bad := entry(3*i, "")
			bad.Message.Body = nil
			if err := s.Append(t.Context(), []store.Entry{bad, entry(3*i+1, "{}")}); !errors.Is(err, store.ErrUnstorable) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("with one that cannot be stored: %v, want ErrUnstorable", err)
			}
		})
		appending.Go(func() {
			if err := s.Append(t.Context(), []store.Entry{entry(3*i+2, "{}")}); err != nil {
				t.Errorf("beside it: %v", err)
			}
		})
	}
	appending.Wait()
	if entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 1000); err != nil || len(entries) != 100 {
		t.Errorf("the timeline has %d messages, %v; want 100", len(entries), err)
	}
}
