package edge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// changed is the event of a user who joins the room, or leaves it, after which others are in it.
func changed(room, user uuid.UUID, change wire.Change, version int64, inRoom ...uuid.UUID) events.MembershipChanged {
	now := wire.At(time.Now())
	return events.MembershipChanged{
		RoomID: room, Change: change, Member: wire.Member{ID: user},
		Message: wire.Message{
			RoomID: room, ID: uuid.New(), SenderID: user, Type: wire.RoomChange, CreatedAt: now, Body: json.RawMessage(`{"text":"change"}`),
		},
		Room: &wire.Room{ID: room, Type: wire.Group}, Ended: len(inRoom) == 0,
		Audience: events.Audience{Users: inRoom, Version: version},
	}
}

// types are the types of the events that a stream has been offered since it was last asked.
func types(t *testing.T, sub *client) (all []string) {
	t.Helper()
	for _, frame := range sub.take() {
		var event struct {
			Type string `json:"type"`
		}
		data, _ := strings.CutPrefix(string(frame.Event.Data), "data: ")
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Fatal(err)
		}
		all = append(all, event.Type)
	}
	return all
}

// Who is in a room learns who joins and leaves it. Who joins gets the room and all that comes behind, who leaves is told to, and gets nothing more,
// not even what a sender wrote who had not heard of it.
func TestMembersComeAndGo(t *testing.T) {
	e := caughtUp(t, limits())
	room, alice, carol := uuid.New(), uuid.New(), uuid.New()
	atAlice, atCarol := newClient(), newClient()
	attach(t, e, alice, "", atAlice)
	attach(t, e, carol, "", atCarol)
	ingest(t, e,
		recordOf(t, 1, 0, uuid.New(), posted(room, "before", 1, alice)),
		recordOf(t, 1, 1, uuid.New(), changed(room, carol, wire.Join, 2, alice, carol)),
		recordOf(t, 1, 2, uuid.New(), posted(room, "stale", 1, alice)),
		recordOf(t, 1, 3, uuid.New(), changed(room, carol, wire.Leave, 3, alice)),
		recordOf(t, 1, 4, uuid.New(), posted(room, "stale", 2, alice, carol)))
	given := func(who string, sub *client, want ...string) {
		t.Helper()
		if got := types(t, sub); !slices.Equal(got, want) {
			t.Errorf("%s is given %v, want %v", who, got, want)
		}
	}
	given("alice", atAlice, "ChatMessage", "RoomChangeEvent", "ChatMessage", "RoomChangeEvent", "ChatMessage")
	given("carol", atCarol, "NewRoom", "ChatMessage", "LeaveRoom")
	again := attach(t, e, carol, id(0, 3, 0, 0), newClient())
	if len(again.Backlog) != 1 {
		t.Errorf("carol resumes with %d events", len(again.Backlog))
	}
	left := recordOf(t, 1, 5, uuid.New(), changed(room, alice, wire.Leave, 4))
	ingest(t, e, left, recordOf(t, 1, 6, uuid.New(), posted(room, "to nobody", 3, alice)))
	given("alice, the last", atAlice, "LeaveRoom")
}
