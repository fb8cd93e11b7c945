package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// revised is an edit or a deletion of the samples, with a change.
func revised(name string, change func(r *events.Revision)) events.Event {
	event := samples()[name]
	switch data := event.Data.(type) {
	case events.MessageEdited:
		change(&data.Revision)
		event.Data = data
	case events.MessageDeleted:
		change(&data.Revision)
		event.Data = data
	}
	return event
}

func TestARevisionSaysWhichMessageItRevises(t *testing.T) {
	for _, name := range []string{"message.edited.v1", "message.deleted.v1"} {
		event := samples()[name]
		if _, ok := event.Data.(events.TimelineEvent); ok {
			t.Errorf("%s is a message of its own", name)
		}
		headers, _, err := events.Encode(event)
		if err != nil || !events.IsRevision(headers) {
			t.Errorf("%s is not told by its headers, %v", name, err)
		}
		revision := event.Data.(events.RevisionEvent).Revises()
		if revision.At() != (events.Position{Offset: 42}) || revision.Message.ID != (uuid.UUID{0: 2}) {
			t.Errorf("%s revises %+v at %+v", name, revision.Message, revision.At())
		}
	}
	for name, event := range samples() {
		headers, _, err := events.Encode(event)
		if _, is := event.Data.(events.RevisionEvent); err != nil || is != events.IsRevision(headers) {
			t.Errorf("%s is a revision: %v, by its headers %v, %v", name, is, events.IsRevision(headers), err)
		}
	}
	if events.IsRevision(map[string]string{events.HeaderType: "com.example.order"}) || events.IsRevision(nil) {
		t.Error("what is no event is a revision")
	}
}

// Both ways in which an edge reads a record give clients the same, in a large room, too; the position is that of the revision.
func TestARevisionIsSeenByTheAudienceOfItsRoom(t *testing.T) {
	for name, want := range map[string]string{"message.edited.v1": "MessageEdited", "message.deleted.v1": "MessageDeleted"} {
		for _, audience := range []events.Audience{{Users: []uuid.UUID{alice, bob}, Version: 7}, events.WholeRoom(7)} {
			event := revised(name, func(r *events.Revision) { r.Audience = audience })
			event.Position = "1022b"
			envelope, ok := open(t, event)
			if !ok {
				t.Fatalf("%s has no envelope", name)
			}
			envelope.Position = "1022b"
			made, err := events.StreamEvents(event, audience.Users)
			if err != nil || len(made) != 1 || !bytes.Equal(made[0].Data, envelope.AppendPayload(nil)) || len(made[0].To) != len(audience.Users) ||
				(made[0].MembersAsOf == 7) != audience.WholeRoom {
				t.Fatalf("%s: passed on %s, made %+v, %v", name, envelope.AppendPayload(nil), made, err)
			}
			var seen wire.MessageEdited // a MessageDeleted has the same fields
			if err := json.Unmarshal(made[0].Data, &seen); err != nil || seen.Type != want || seen.Position != "1022b" || !seen.CreatedAt.Equal(event.Time) || seen.Message.Position != "1022a" ||
				seen.Message.ID != (uuid.UUID{0: 2}) || (seen.Message.DeletedAt == nil) != (want == "MessageEdited") || seen.Preview.Type == "" {
				t.Errorf("%s is seen as %s, %v", name, made[0].Data, err)
			}
		}
	}
}

func TestWhatIsNoRevisionIsRefused(t *testing.T) {
	later := wire.At(at)
	for name, c := range map[string]struct {
		of     string
		change func(r *events.Revision)
	}{
		"an edit that was not edited":        {"message.edited.v1", func(r *events.Revision) { r.Message.EditedAt = nil }},
		"an edit that is deleted":            {"message.edited.v1", func(r *events.Revision) { r.Message.DeletedAt = &later }},
		"an edit of another room":            {"message.edited.v1", func(r *events.Revision) { r.Message.RoomID = uuid.UUID{0: 9} }},
		"an edit without a body":             {"message.edited.v1", func(r *events.Revision) { r.Message.Body = nil }},
		"an edit of nowhere":                 {"message.edited.v1", func(r *events.Revision) { r.Message.Position = "" }},
		"an edit of a place that is none":    {"message.edited.v1", func(r *events.Revision) { r.Message.Position = "42" }},
		"an edit that nobody sees":           {"message.edited.v1", func(r *events.Revision) { r.Users = nil }},
		"a deletion that was not deleted":    {"message.deleted.v1", func(r *events.Revision) { r.Message.DeletedAt = nil }},
		"a deletion of nowhere":              {"message.deleted.v1", func(r *events.Revision) { r.Message.Position = "" }},
		"a deletion of a message without id": {"message.deleted.v1", func(r *events.Revision) { r.Message.ID = uuid.Nil }},
	} {
		if _, _, err := events.Encode(revised(c.of, c.change)); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := events.Encode(revised("message.deleted.v1", func(r *events.Revision) { r.Message.EditedAt = &later })); err != nil {
		t.Errorf("a deletion of what was edited: %v", err)
	}
}
