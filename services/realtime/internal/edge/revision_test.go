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
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// revisionOf is what an edit and the deletion of a message have in common.
func revisionOf(of events.MessagePosted) events.Revision {
	of.Message.Position = "10210"
	return events.Revision{RoomID: of.RoomID, Message: of.Message, Preview: wire.DeletedPreview(), Audience: of.Audience}
}

func edited(of events.MessagePosted, text string) events.MessageEdited {
	revision, now := revisionOf(of), wire.At(time.Now())
	body, err := json.Marshal(wire.TextBody{Text: text})
	if err != nil {
		panic(err)
	}
	revision.Message.Body, revision.Message.EditedAt, revision.Preview = body, &now, wire.TextPreview("somebody", text)
	return events.MessageEdited{Revision: revision}
}

func deleted(of events.MessagePosted) events.MessageDeleted {
	revision, now := revisionOf(of), wire.At(time.Now())
	revision.Message.Body, revision.Message.DeletedAt = json.RawMessage(`{}`), &now
	return events.MessageDeleted{Revision: revision}
}

// kindsOf are the types of events, with the texts of the messages in them, which must all be of one message.
func kindsOf(t *testing.T, frames []sse.Frame) (all []string) {
	t.Helper()
	ids := map[uuid.UUID]bool{}
	for _, frame := range frames {
		var event struct {
			Type    string
			Message struct {
				MessageID uuid.UUID
				MsgBody   wire.TextBody
			}
		}
		if err := json.Unmarshal(sse.JSONOf(frame.Event.Data), &event); err != nil {
			t.Fatal(err)
		}
		ids[event.Message.MessageID] = true
		all = append(all, strings.TrimSpace(event.Type+" "+event.Message.MsgBody.Text))
	}
	if len(ids) > 1 {
		t.Errorf("the events are of %d messages", len(ids))
	}
	return all
}

// Who is in the room is told of an edit and a deletion in their places of the log, live and when it comes back; nobody else is, also not who has left
// since the record was written.
func TestRevisionsAreDeliveredAsMessagesAre(t *testing.T) {
	e := caughtUp(t, limits())
	room, alice, bob := uuid.New(), uuid.New(), uuid.New()
	said := posted(room, "Soup?", 1, alice, bob)
	atAlice, atBob, stranger := newClient(), newClient(), newClient()
	attach(t, e, alice, "", atAlice)
	attach(t, e, bob, "", atBob)
	attach(t, e, uuid.New(), "", stranger)
	ingest(t, e,
		recordOf(t, 1, 0, uuid.New(), said), recordOf(t, 1, 1, uuid.New(), edited(said, "Soup!")),
		recordOf(t, 1, 2, uuid.New(), changed(room, bob, wire.Leave, 2, alice)),
		recordOf(t, 1, 3, uuid.New(), deleted(said)))
	frames := atAlice.take()
	frames = slices.DeleteFunc(frames, func(f sse.Frame) bool { return strings.Contains(string(f.Event.Data), "RoomChangeEvent") })
	want := []string{"ChatMessage Soup?", "MessageEdited Soup!", "MessageDeleted"}
	if got := kindsOf(t, frames); !slices.Equal(got, want) {
		t.Errorf("a member is given %q, want %q", got, want)
	}
	atBob.frames = atBob.take()
	if len(atBob.frames) != 3 || !strings.Contains(string(atBob.frames[2].Event.Data), "LeaveRoom") {
		t.Errorf("who has left is given %d events", len(atBob.frames))
	}
	if got := stranger.take(); len(got) != 0 {
		t.Errorf("a stranger is given %q", kindsOf(t, got))
	}
	again := attach(t, e, alice, id(0, 1, 0, 0), newClient()).Backlog
	again = slices.DeleteFunc(again, func(f sse.Frame) bool { return strings.Contains(string(f.Event.Data), "RoomChangeEvent") })
	if got := kindsOf(t, again); !slices.Equal(got, want[1:]) {
		t.Errorf("who comes back is given %q, want %q", got, want[1:])
	}
}

func TestRevisionsInALargeRoomAreDeliveredToItsMembers(t *testing.T) {
	e := caughtUp(t, limits())
	e.MembershipsCaughtUp()
	h, members := &hall{t: t, id: uuid.New()}, many(120)
	ingest(t, e, h.opened(members)...)
	member, begun := newClient(), h.offset
	attach(t, e, members[110], "", member)
	said := posted(h.id, "Soup?", h.version)
	said.Audience = events.WholeRoom(h.version)
	ingest(t, e, h.record(said), h.record(edited(said, "Soup!")), h.record(deleted(said)))
	want := []string{"ChatMessage Soup?", "MessageEdited Soup!", "MessageDeleted"}
	if got := kindsOf(t, member.take()); !slices.Equal(got, want) {
		t.Errorf("a member is given %q, want %q", got, want)
	}
	if got := kindsOf(t, attach(t, e, members[0], id(0, begun, 0, 0), newClient()).Backlog); !slices.Equal(got, want) {
		t.Errorf("who comes back is given %q, want %q", got, want)
	}
}

// An edge of this version passes on what a later one may write for streams: so did that before it with edits and deletions.
func TestWhatIsForStreamsIsDeliveredWhateverItsType(t *testing.T) {
	e, alice := caughtUp(t, limits()), uuid.New()
	sub := newClient()
	attach(t, e, alice, "", sub)
	later := recordOf(t, 1, 0, uuid.New(), posted(uuid.New(), "Soup?", 1, alice))
	later.Headers[events.HeaderType] = "ism.message.reacted.v1"
	ingest(t, e, later)
	if got := kindsOf(t, sub.take()); !slices.Equal(got, []string{"ChatMessage Soup?"}) {
		t.Errorf("given is %q", got)
	}
}
