package sqlite_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func TestAnyPathWillDo(t *testing.T) {
	for _, name := range []string{"messages.db", "with a space", "what?", "50%", "#1", "ä&b=c;d"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		storetest.Start(t, sqlite.New(path, slog.New(slog.DiscardHandler)))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestADirectoryThatComesLaterIsUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mounted later")
	mounted := time.AfterFunc(150*time.Millisecond, func() { _ = os.Mkdir(dir, 0o700) }) // some tries later
	defer mounted.Stop()
	storetest.Start(t, sqlite.New(filepath.Join(dir, "messages.db"), slog.New(slog.DiscardHandler)))
}

func TestMessagesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	room := uuid.Must(uuid.NewV7())
	for i := range 3 {
		t.Run("a process", func(t *testing.T) {
			s := storetest.Start(t, sqlite.New(path, slog.New(slog.DiscardHandler)))
			entry := store.Entry{Position: events.Position{Offset: int64(i)}, Message: wire.Message{
				RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: room, Body: json.RawMessage(`{"text":"hello"}`), Type: wire.Text, CreatedAt: time.Now(),
			}}
			if err := s.Append(t.Context(), []store.Entry{entry}); err != nil {
				t.Fatal(err)
			}
			entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10)
			if err != nil || len(entries) != i+1 {
				t.Errorf("there are %d messages (%v), want %d", len(entries), err, i+1)
			}
		})
	}
}
