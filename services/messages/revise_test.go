package messages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

func pathOf(room, message uuid.UUID) string {
	return "/api/rooms/" + room.String() + "/messages/" + message.String()
}

func (w *world) editAs(by caller, room, message uuid.UUID, body string) nodetest.Answer {
	w.tb.Helper()
	return w.doAs(by, http.MethodPatch, pathOf(room, message), strings.NewReader(`{"msgBody":`+body+`}`))
}

func (w *world) deleteAs(by caller, room, message uuid.UUID) nodetest.Answer {
	w.tb.Helper()
	return w.doAs(by, http.MethodDelete, pathOf(room, message), nil)
}

// revisions are the edits and deletions that the log has of a message.
func (w *world) revisions(of uuid.UUID) (all []events.RevisionEvent) {
	w.tb.Helper()
	for _, record := range records(w.tb, w.brokers) {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			w.tb.Fatal(err)
		}
		if revision, ok := event.Data.(events.RevisionEvent); ok && revision.Revises().Message.ID == of {
			if record.Headers[events.HeaderEpoch] == "" {
				w.tb.Errorf("a record does not say its epoch: %v", record.Headers)
			}
			all = append(all, revision)
		}
	}
	return all
}

// is fails the test where a message, alone and in the timeline of who may read it, is not the one wanted.
func (w *world) is(reader uuid.UUID, want wire.Message) {
	w.tb.Helper()
	alone := w.do(reader, http.MethodGet, pathOf(want.RoomID, want.ID), nil)
	asJSON, err := json.Marshal(want)
	if err != nil {
		w.tb.Fatal(err)
	}
	if alone.Status != http.StatusOK || string(alone.Body) != string(asJSON) {
		w.tb.Errorf("the message is %s, want %s", alone, asJSON)
	}
	timeline := w.timeline(reader, want.RoomID)
	i := slices.IndexFunc(timeline, func(m wire.Message) bool { return m.ID == want.ID })
	if i < 0 {
		w.tb.Fatalf("the timeline does not have %s", want.ID)
	}
	if inTimeline, err := json.Marshal(timeline[i]); err != nil || string(inTimeline) != string(asJSON) {
		w.tb.Errorf("the timeline has %s, %v, want %s", inTimeline, err, asJSON)
	}
}

// An edit gives each type of message another body, at its position, and is in the log with all that readers need.
func TestMessagesAreEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	author, shop := caller{id: user}, backend(uuid.New())
	quoted := w.mustSend(user, room, "Soup?")
	media, _ := w.mustSay(author, user, room, wire.Media, `{"mediaUrl":"https://x/y","mediaType":"image","altText":"soup"}`)
	reply, _ := w.mustSay(author, user, room, wire.Reply, `{"replyMsgId":"`+quoted.ID.String()+`","replyText":"yes"}`)
	system, _ := w.mustSay(shop, user, room, wire.SystemMessage, `{"text":"Open","data":{"a":1}}`)
	before := w.timeline(user, room)
	for _, c := range []struct {
		by      caller
		of      wire.Message
		body    string
		want    string
		preview wire.Preview
	}{
		{author, quoted, `{"text":" Soup 🥣! ","new":1}`, `{"text":" Soup 🥣! "}`, wire.TextPreview(tokenName, " Soup 🥣! ")},
		{author, media, `{"mediaUrl":"https://x/z","mediaType":"film"}`, `{"mediaUrl":"https://x/z","mediaType":"film"}`, wire.MediaPreview(tokenName, "film")},
		{author, reply, `{"replyText":"no","replyMsgId":"nothing to look at"}`, strings.Replace(string(reply.Body), `"yes"`, `"no"`, 1), wire.ReplyPreview(tokenName, "no")},
		{shop, system, `{"text":"Closed"}`, `{"text":"Closed"}`, wire.TextPreview(tokenName, "Closed")},
	} {
		begin := time.Now().Add(-time.Microsecond)
		got := w.editAs(c.by, room, c.of.ID, c.body)
		if got.Status != http.StatusOK {
			t.Fatalf("edit a %s: %s", c.of.Type, got)
		}
		edited := message(t, got.Body)
		if edited.EditedAt == nil || edited.EditedAt.Before(begin.Truncate(time.Microsecond)) || string(edited.Body) != c.want {
			t.Errorf("a %s is edited to %s, want %s", c.of.Type, got, c.want)
		}
		want := c.of
		want.Body, want.EditedAt = edited.Body, edited.EditedAt
		w.is(user, want)
		logged := w.revisions(c.of.ID)
		if len(logged) != 1 {
			t.Fatalf("the log has %d revisions of a %s", len(logged), c.of.Type)
		}
		revision := logged[0].Revises()
		asJSON, _ := json.Marshal(revision.Message)
		if logged[0].EventName() != "message.edited" || string(asJSON) != string(got.Body) || revision.Preview != c.preview || !revision.Names(user) || revision.Version != 1 {
			t.Errorf("the log has %+v of %s", revision, got)
		}
	}
	after := w.timeline(user, room)
	if !slices.EqualFunc(before, after, func(a, b wire.Message) bool { return a.ID == b.ID && a.CreatedAt.Equal(b.CreatedAt.Time) }) {
		t.Errorf("the timeline was %+v and is %+v", before, after)
	}
	administrator := caller{user, map[string]any{"azp": backendClient}}
	again := message(t, w.editAs(administrator, room, quoted.ID, `{"text":"twice"}`).Body)
	w.is(user, again)
	w.caughtUp(kafkaClient(t, w.brokers))
	w.is(user, again)
}

// A deletion leaves the message its position, and comes once, whatever is asked again. Nothing brings the content back.
func TestMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	author := caller{id: user}
	system, _ := w.mustSay(backend(uuid.New()), user, room, wire.SystemMessage, `{"text":"Open"}`)
	for name, c := range map[string]struct {
		by caller
		of wire.Message
	}{
		"its author's":        {author, w.mustSend(user, room, "by its author")},
		"edited":              {author, message(t, w.editAs(author, room, w.mustSend(user, room, "edited").ID, `{"text":"edited"}`).Body)},
		"by the backend":      {backend(uuid.New()), w.mustSend(user, room, "by the backend")},
		"the backend's":       {backend(uuid.New()), system},
		"by an administrator": {caller{user, map[string]any{"azp": backendClient}}, w.mustSend(user, room, "by its author, an administrator")},
	} {
		first := w.deleteAs(c.by, room, c.of.ID)
		if first.Status != http.StatusOK {
			t.Fatalf("%s: %s", name, first)
		}
		deleted := message(t, first.Body)
		want := c.of
		want.Body, want.DeletedAt = json.RawMessage(`{}`), deleted.DeletedAt
		if deleted.DeletedAt == nil || deleted.DeletedAt.Before(c.of.CreatedAt.Time) {
			t.Errorf("%s: %s", name, first)
		}
		w.is(user, want)
		if again := w.deleteAs(c.by, room, c.of.ID); again.Status != http.StatusOK || string(again.Body) != string(first.Body) {
			t.Errorf("%s, again: %s, first %s", name, again, first)
		}
		if c.of.Type == wire.Text {
			if got := w.editAs(author, room, c.of.ID, `{"text":"back"}`); got.Status != http.StatusConflict || got.Code() != "message-deleted" {
				t.Errorf("%s, edited: %s", name, got)
			}
		}
		if got := w.say(author, room, wire.Reply, `{"replyMsgId":"`+c.of.ID.String()+`","replyText":"yes"}`); got.Code() != "quoted-message-not-found" {
			t.Errorf("%s, replied to: %s", name, got)
		}
		logged := w.revisions(c.of.ID)
		last := logged[len(logged)-1]
		if deletions := slices.DeleteFunc(logged, func(e events.RevisionEvent) bool { return e.EventName() == "message.edited" }); len(deletions) != 1 {
			t.Errorf("%s: the log has it deleted %d times", name, len(deletions))
		}
		if revision := last.Revises(); last.EventName() != "message.deleted" || revision.Preview != wire.DeletedPreview() || string(revision.Message.Body) != `{}` {
			t.Errorf("%s: the log has %+v", name, revision)
		}
		w.is(user, want)
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	for _, m := range w.timeline(user, room) {
		if m.DeletedAt != nil && string(m.Body) != `{}` {
			t.Errorf("a deleted message says %s", m.Body)
		}
	}
}

// What a process of before wrote to the log, and could not write through, is written by the consumer group: the newest edit counts, a deletion before all.
func TestRevisionsAreWrittenFromTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	edited, deleted := w.mustSend(user, room, "first"), w.mustSend(user, room, "second")
	revision := func(of wire.Message, text string, after time.Duration) events.Revision {
		at := wire.At(of.CreatedAt.Add(after))
		of.Body, of.EditedAt = json.RawMessage(`{"text":"`+text+`"}`), &at
		return events.Revision{
			RoomID: room, Message: of, Preview: wire.TextPreview("x", text),
			Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
		}
	}
	gone := revision(deleted, "", time.Second)
	gone.Message.Body, gone.Message.EditedAt, gone.Message.DeletedAt = json.RawMessage(`{}`), nil, gone.Message.EditedAt
	newest := revision(edited, "newest", 2*time.Second)
	for _, event := range []events.Data{
		events.MessageEdited{Revision: revision(edited, "older", time.Second)},
		events.MessageEdited{Revision: newest},
		events.MessageDeleted{Revision: gone},
		events.MessageEdited{Revision: revision(deleted, "too late", 3*time.Second)},
	} {
		produce(t, w.brokers, event)
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	w.is(user, newest.Message)
	w.is(user, gone.Message)
	if got := w.deleteAs(caller{id: user}, room, deleted.ID); got.Status != http.StatusOK || message(t, got.Body).DeletedAt.Time != gone.Message.DeletedAt.Time {
		t.Errorf("deleted again: %s", got)
	}
}

func TestRefusedRevisionsWriteNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	elsewhere, _ := w.newRoom()
	bob, carol := uuid.New(), uuid.New() // carol has left
	all := []uuid.UUID{user, bob, carol}
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: all, Version: 2}})
	text, ofCarol := w.mustSend(user, room, "Soup?"), w.mustSend(carol, room, "Bread?")
	system, _ := w.mustSay(backend(user), user, room, wire.SystemMessage, `{"text":"Open"}`)
	left := change(room, carol, wire.Leave, 3, user, bob)
	produce(t, w.brokers, left)
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: all[:2], Version: 3}})
	w.rooms.stand(events.Standing{RoomID: room, Version: 3, UserID: carol, Status: wire.Left, To: &left.Message.ID})
	old := text
	old.ID, old.CreatedAt = uuid.Must(uuid.NewV7()), wire.At(time.Now().Add(-24*time.Hour))
	produce(t, w.brokers, events.MessagePosted{RoomID: room, Message: old, Audience: events.Audience{Users: all[:2], Version: 3}})
	deleted := w.mustSend(user, room, "deleted")
	w.deleteAs(caller{id: user}, room, deleted.ID)
	client := kafkaClient(t, w.brokers)
	w.caughtUp(client)
	servicetest.AwaitSuccess(t, "who has left is refused", func() error {
		if got := w.send(carol, room, "still in?"); got.Status != http.StatusNotFound {
			return fmt.Errorf("the answer is %s", got)
		}
		return nil
	})
	w.caughtUp(client)
	before, sent := w.timeline(user, room), length(t, client)

	author, otherTenant := caller{id: user}, caller{uuid.New(), map[string]any{"azp": backendClient, "tenant": "other"}}
	const ok = `{"text":"Soup!"}`
	type refusal struct {
		by       caller
		room, of uuid.UUID
		body     string // of an edit; none: a deletion
		status   int
		code     string
	}
	for name, c := range map[string]refusal{
		"another member edits":                     {caller{id: bob}, room, text.ID, ok, 403, "not-the-author"},
		"another member deletes":                   {caller{id: bob}, room, text.ID, "", 403, "not-the-author"},
		"another member deletes what is deleted":   {caller{id: bob}, room, deleted.ID, "", 403, "not-the-author"},
		"a former member edits its own":            {caller{id: carol}, room, ofCarol.ID, ok, 404, "room-not-found"},
		"a former member deletes its own":          {caller{id: carol}, room, ofCarol.ID, "", 404, "room-not-found"},
		"a stranger edits":                         {caller{id: uuid.New()}, room, text.ID, ok, 404, "room-not-found"},
		"a stranger deletes":                       {caller{id: uuid.New()}, room, text.ID, "", 404, "room-not-found"},
		"nobody edits":                             {caller{}, room, text.ID, ok, 401, "unauthorized"},
		"nobody deletes":                           {caller{}, room, text.ID, "", 401, "unauthorized"},
		"the backend edits a member's":             {backend(uuid.New()), room, text.ID, ok, 403, "not-the-author"},
		"the backend of another tenant edits":      {otherTenant, room, system.ID, ok, 404, "room-not-found"},
		"the backend of another tenant deletes":    {otherTenant, room, text.ID, "", 404, "room-not-found"},
		"a former member edits its own as backend": {backend(carol), room, ofCarol.ID, ok, 404, "room-not-found"},
		"a user edits a system message":            {author, room, system.ID, ok, 422, "message-not-editable"},
		"a change of members is edited":            {author, room, left.Message.ID, ok, 422, "message-not-editable"},
		"a change of members is deleted":           {author, room, left.Message.ID, "", 422, "message-not-editable"},
		"the backend deletes a change of members":  {backend(uuid.New()), room, left.Message.ID, "", 422, "message-not-editable"},
		"too late":                  {author, room, old.ID, ok, 403, "edit-window-over"},
		"a deleted one is edited":   {author, room, deleted.ID, ok, 409, "message-deleted"},
		"an unknown one is edited":  {author, room, uuid.New(), ok, 404, "message-not-found"},
		"an unknown one is deleted": {author, room, uuid.New(), "", 404, "message-not-found"},
		"of another room":           {backend(uuid.New()), elsewhere, text.ID, "", 404, "message-not-found"},
		"of no room":                {backend(uuid.New()), uuid.New(), text.ID, "", 404, "room-not-found"},
		"a body of another type":    {author, room, text.ID, `{"replyText":"a"}`, 422, "invalid-request"},
		"no text":                   {author, room, text.ID, `{"text":" "}`, 422, "invalid-request"},
		"no body":                   {author, room, text.ID, `null`, 422, "invalid-request"},
		"a body that is none":       {author, room, text.ID, `{"text":`, 400, "malformed-json"},
	} {
		ask := func() nodetest.Answer { return w.editAs(c.by, c.room, c.of, c.body) }
		if c.body == "" {
			ask = func() nodetest.Answer { return w.deleteAs(c.by, c.room, c.of) }
		}
		if got := ask(); got.Status != c.status || got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, path := range []string{"/api/rooms/7/messages/" + text.ID.String(), "/api/rooms/" + room.String() + "/messages/7"} {
		for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
			if got := w.do(user, method, path, nil); got.Status != http.StatusBadRequest || got.Code() != "invalid-id" {
				t.Errorf("%s %s: %s", method, path, got)
			}
		}
	}
	sameMessages(t, w.timeline(user, room), before)
	if now := length(t, client); now != sent {
		t.Errorf("the log has %d records more", now-sent)
	}
}

// A store may have placed a message by the pace of its room, so what revises it says the same.
func TestARevisionHasThePaceOfItsMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	sent := w.mustSend(user, room, "Soup?")
	w.store.pacing(20)
	for what, answer := range map[string]nodetest.Answer{
		"edit": w.editAs(caller{id: user}, room, sent.ID, `{"text":"Soup!"}`), "deletion": w.deleteAs(caller{id: user}, room, sent.ID),
	} {
		if answer.Status != http.StatusOK {
			t.Errorf("%s: %s", what, answer)
		}
	}
	made := w.revisions(sent.ID)
	if len(made) != 2 || made[0].Revises().Pace != 20 || made[1].Revises().Pace != 20 {
		t.Errorf("the log has %+v", made)
	}
}
