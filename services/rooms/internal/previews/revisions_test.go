package previews

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// said is a message of a room's user, and what becomes of it.
type said struct{ events.MessagePosted }

func (w *world) say(room int, text string) said {
	id := w.rooms[room]
	return said{events.MessagePosted{
		RoomID: id, Message: wire.Message{RoomID: id, ID: uuid.New(), SenderID: w.user, Body: []byte(`{}`), Type: wire.Text, CreatedAt: wire.At(start.Add(time.Minute))},
		Preview: wire.TextPreview("somebody", text), Audience: events.Audience{Users: []uuid.UUID{w.user}, Version: 1},
	}}
}

func (s said) revision(offset int64) events.Revision {
	s.Message.Position = events.Position{Offset: offset}.String()
	return events.Revision{RoomID: s.RoomID, Message: s.Message, Preview: wire.DeletedPreview(), Audience: s.Audience}
}

// edited is an edit of the message, which is at an offset.
func (s said) edited(offset int64, text string) events.MessageEdited {
	revision, now := s.revision(offset), wire.At(start.Add(time.Hour))
	revision.Message.EditedAt, revision.Preview = &now, wire.TextPreview("somebody", text)
	return events.MessageEdited{Revision: revision}
}

func (s said) deleted(offset int64) events.MessageDeleted {
	revision, now := s.revision(offset), wire.At(start.Add(time.Hour))
	revision.Message.DeletedAt = &now
	return events.MessageDeleted{Revision: revision}
}

func record(t *testing.T, data events.Data, offset int64) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", start, data))
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Offset: offset}
}

// What the log says of when messages go, and what edits make of them, rooms go by.
func TestMessagesThatHaveExpiredAreNotShown(t *testing.T) {
	w := newWorld(t, onSQLite(t), 3)
	over, lasting := wire.At(time.Now().Add(-time.Second)), wire.At(time.Now().Add(time.Hour))
	first, second, third := w.say(0, "one"), w.say(1, "two"), w.say(2, "three")
	first.Expires, second.Expires, third.Expires = &over, &lasting, &lasting
	edited := third.edited(2, "three, edited")
	edited.Expires = &over
	log := []bus.Record{record(t, first.MessagePosted, 0), record(t, second.MessagePosted, 1), record(t, third.MessagePosted, 2), record(t, edited, 3)}
	if err := w.previews.Apply(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	for i, want := range []wire.Preview{wire.NewRoomPreview(), wire.TextPreview("somebody", "two"), wire.NewRoomPreview()} {
		if room, err := w.store.Room(t.Context(), w.rooms[i], w.user); err != nil || *room.LatestMessageText != want {
			t.Errorf("room %d shows %+v, %v", i, room.LatestMessageText, err)
		}
	}
}

// A log with edits and deletions is taken as a whole, and again from anywhere, in batches of any size: rooms show the same each time.
func TestRevisionsInTheLogAreShown(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) store.Store{
		"SQLite":   onSQLite,
		"Postgres": func(t *testing.T) store.Store { return onPostgres(t, enginetest.PostgresDatabase(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open(t), 3)
			first, second, third, fourth := w.say(0, "one"), w.say(1, "two"), w.say(2, "three"), w.say(2, "four")
			log := []bus.Record{
				record(t, first.MessagePosted, 0), record(t, second.MessagePosted, 1), record(t, third.MessagePosted, 2),
				record(t, first.edited(0, "one, older"), 3), record(t, second.edited(1, "two, edited"), 4), record(t, third.edited(2, "three, edited"), 5),
				record(t, first.edited(0, "one, newer"), 6), record(t, second.deleted(1), 7), record(t, fourth.MessagePosted, 8),
				record(t, second.edited(1, "two, too late"), 9), record(t, third.deleted(2), 10),
			}
			want := []wire.Preview{wire.TextPreview("somebody", "one, newer"), wire.DeletedPreview(), wire.TextPreview("somebody", "four")}
			var before []wire.Room
			for _, size := range []int{len(log), 1, 4} {
				for from := range log {
					taking := newPreviews(t, w.counted, 0, telemetry.Discard(nil)) // of a process that has just started
					for batch := range slices.Chunk(log[from:], size) {
						if err := taking.Apply(t.Context(), batch); err != nil {
							t.Fatal(err)
						}
					}
					rooms := make([]wire.Room, len(w.rooms))
					for i, id := range w.rooms {
						room, err := w.store.Room(t.Context(), id, w.user)
						if err != nil || *room.LatestMessageText != want[i] {
							t.Fatalf("from record %d, %d at once: room %d shows %+v, %v; want %+v", from, size, i, room.LatestMessageText, err, want[i])
						}
						room.LatestMessageText = nil
						rooms[i] = room
					}
					if before != nil && !slices.Equal(rooms, before) {
						t.Fatalf("from record %d, %d at once: the rooms were %+v and are %+v", from, size, before, rooms)
					}
					before = rooms
				}
			}
		})
	}
}

// No value of Postgres has a NUL character.
func TestOnlyAnEditThatCannotBeStoredIsRejected(t *testing.T) {
	w := newWorld(t, onPostgres(t, enginetest.PostgresDatabase(t)), 3)
	var log []bus.Record
	messages := []said{w.say(0, "one"), w.say(1, "two"), w.say(2, "three")}
	for i, message := range messages {
		log = append(log, record(t, message.MessagePosted, int64(i)))
	}
	log = append(log, record(t, messages[0].edited(0, "edited"), 3), record(t, messages[1].edited(1, "\x00"), 4), record(t, messages[2].edited(2, "edited"), 5))
	if err := w.previews.Apply(t.Context(), log); !errors.Is(err, bus.ErrRejected) {
		t.Fatalf("the batch gives %v", err)
	}
	if rejected := w.oneByOne(t, log); !slices.Equal(rejected, []int{4}) {
		t.Errorf("the records %v are rejected", rejected)
	}
	if shown := w.shown(t, "edited"); !slices.Equal(shown, []int{0, 2}) {
		t.Errorf("the edits are shown in the rooms %v", shown)
	}
}
