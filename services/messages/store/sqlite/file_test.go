package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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
				RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: room, Body: json.RawMessage(`{"text":"hello"}`), Type: wire.Text, CreatedAt: wire.At(time.Now()),
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

// What was stored before it was listed whom messages refer to is found all the same; what cannot be read refers to nobody.
func TestWhatMessagesOfBeforeReferToIsListed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	room, alice := uuid.Must(uuid.NewV7()), uuid.New()
	entry := func(offset int64, kind wire.MessageType, body string, mentions ...uuid.UUID) store.Entry {
		return store.Entry{Position: events.Position{Offset: offset}, Message: wire.Message{
			RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: uuid.New(), Body: json.RawMessage(body), Type: kind, CreatedAt: wire.At(time.Now()), Mentions: mentions,
		}}
	}
	quoting := `{"replySenderId":"` + alice.String() + `"}`
	before := []store.Entry{
		entry(0, wire.Reply, quoting), entry(1, wire.Text, `{"text":"Soup?"}`, uuid.New(), uuid.New(), alice), entry(2, wire.Text, quoting), entry(3, wire.Reply, `{"replySend`),
		entry(4, wire.Reply, `{"replySenderId":7}`), entry(5, wire.Reply, `{"replySenderId":"`+strings.Repeat("x", 36)+`"}`), entry(6, wire.Text, `{}`, uuid.New()),
	}
	t.Run("a process of before", func(t *testing.T) {
		s := storetest.Start(t, sqlite.New(path, slog.New(slog.DiscardHandler)))
		if err := s.Append(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	})
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	var version int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf(`DROP TRIGGER messages_referred_to; DROP TABLE referred_to; PRAGMA user_version = %d`, version-1)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := storetest.Start(t, sqlite.New(path, slog.New(slog.DiscardHandler)))
	involving, err := s.Involving(t.Context(), alice, nil, 10)
	if err != nil || len(involving.Entries) != 2 || involving.Entries[0].Message.ID != before[0].Message.ID || involving.Entries[1].Message.ID != before[1].Message.ID {
		t.Errorf("it is %+v, %v", involving.Entries, err)
	}
}

// version1 is the schema as the first build made it.
const version1 = `
CREATE TABLE messages (
	room_id    BLOB NOT NULL,
	epoch      INTEGER NOT NULL,
	log_offset INTEGER NOT NULL,
	message_id BLOB NOT NULL,
	sender_id  BLOB NOT NULL,
	type       TEXT NOT NULL,
	body       BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (room_id, epoch, log_offset)
) WITHOUT ROWID, STRICT;
CREATE INDEX messages_by_time ON messages (room_id, created_at, epoch, log_offset);
CREATE TABLE probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
PRAGMA user_version = 1`

func TestMessagesOfTheFirstSchemaAreFoundAndRevised(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	room, message, sender := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.New()
	if _, err := db.Exec(version1); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO messages VALUES (?, 0, 7, ?, ?, 'Text', ?, 1790000000000000)`, room[:], message[:], sender[:], []byte(`{"text":"old"}`)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := storetest.Start(t, sqlite.New(path, slog.New(slog.DiscardHandler)))
	found, err := s.Find(t.Context(), room, message)
	if err != nil || found.Position.Offset != 7 || found.Revision != (events.Position{}) || !found.EditedAt.IsZero() || !found.DeletedAt.IsZero() {
		t.Fatalf("found %+v, %v", found, err)
	}
	edited := found
	edited.Revision, edited.EditedAt, edited.Message.Body = events.Position{Offset: 9}, time.UnixMicro(1_790_000_000_000_009).UTC(), json.RawMessage(`{"text":"new"}`)
	if err := s.Append(t.Context(), []store.Entry{edited, found}); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10)
	if err != nil || len(entries) != 1 || string(entries[0].Message.Body) != `{"text":"new"}` || !entries[0].EditedAt.Equal(edited.EditedAt) {
		t.Errorf("the timeline is %+v, %v", entries, err)
	}
}
