package reads

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

func take(t *testing.T, m *Marks, data events.Data) {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", time.Now(), data))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Take(t.Context(), []bus.Record{{Value: []byte("x")}, {Headers: headers, Value: value}}); err != nil {
		t.Fatal(err)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New(time.Now)
		alice, bob, room := uuid.New(), uuid.New(), uuid.New()
		both := events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1}
		at := time.Now().UTC()
		want := func(what string, user uuid.UUID, want bool) {
			t.Helper()
			if got := m.Read(user, room, at); got != want {
				t.Errorf("%s: read is %t", what, got)
			}
		}
		want("nothing", alice, false)
		take(t, m, events.RoomRead{RoomID: room, UserID: alice, ReadAt: wire.At(at.Add(-time.Second)), Audience: both})
		want("up to before", alice, false)
		take(t, m, events.RoomRead{RoomID: room, UserID: alice, ReadAt: wire.At(at), Audience: both})
		want("up to it", alice, true)
		take(t, m, events.RoomRead{RoomID: room, UserID: alice, ReadAt: wire.At(at.Add(-time.Minute)), Audience: both})
		want("an older mark", alice, true)
		want("another one", bob, false)
		message := wire.Message{RoomID: room, ID: uuid.New(), SenderID: bob, Type: wire.Text, Body: json.RawMessage(`{"text":"Soup?"}`), CreatedAt: wire.At(at.Add(time.Second))}
		take(t, m, events.MessagePosted{RoomID: room, Message: message, Audience: both})
		want("who answers", bob, true)
		message.Type, message.Body, message.DeletedAt = wire.Text, json.RawMessage(`{"text":"x"}`), &message.CreatedAt
		if m.Deleted(message.ID) {
			t.Error("a message is deleted that is not")
		}
		m.delete(message.ID)
		if !m.Deleted(message.ID) {
			t.Error("a deleted message is not known")
		}
		time.Sleep(Kept)
		m.delete(uuid.New())
		want("a while later", bob, true)
		time.Sleep(Kept)
		m.delete(uuid.New())
		want("much later", bob, false)
		if m.Deleted(message.ID) {
			t.Error("it is remembered for ever")
		}
	})
}

func TestMarksAreBounded(t *testing.T) {
	t.Parallel()
	m := New(time.Now)
	for range 2*maxMarks + 10 {
		m.delete(uuid.New())
	}
	if n := len(m.young.deleted) + len(m.former.deleted); n > 2*maxMarks {
		t.Errorf("there are %d", n)
	}
}
