package messages_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// say sends a message of any type.
func (w *world) say(by caller, room uuid.UUID, kind wire.MessageType, body string) nodetest.Answer {
	w.tb.Helper()
	return w.doAs(by, http.MethodPost, "/api/send-msg", strings.NewReader(fmt.Sprintf(`{"chatRoomId":%q,"msgType":%q,"msgBody":%s}`, room, kind, body)))
}

// mustSay sends a message of any type, and gives it as the answer, the log and the timeline have it, and its preview.
func (w *world) mustSay(by caller, reader, room uuid.UUID, kind wire.MessageType, body string) (wire.Message, wire.Preview) {
	w.tb.Helper()
	sent := w.say(by, room, kind, body)
	if sent.Status != http.StatusOK {
		w.tb.Fatalf("send: %s", sent)
	}
	answered := message(w.tb, sent.Body)
	page, _ := w.page(reader, room, "?limit=1")
	if len(page) != 1 || page[0].ID != answered.ID || page[0].Type != kind || string(page[0].Body) != string(answered.Body) {
		w.tb.Errorf("the timeline has %+v, the answer was %s", page, sent.Body)
	}
	for _, posted := range w.posted(room) {
		if posted.Message.ID == answered.ID {
			if string(posted.Message.Body) != string(answered.Body) || posted.Message.SenderID != by.id {
				w.tb.Errorf("the log has %+v, the answer was %s", posted.Message, sent.Body)
			}
			return answered, posted.Preview
		}
	}
	w.tb.Fatalf("the log has no message %s", answered.ID)
	return answered, wire.Preview{}
}

// logged is a message in the log.
type logged struct {
	events.MessagePosted
	offset int64
}

// posted are the messages that the log has of a room, the oldest first.
func (w *world) posted(room uuid.UUID) (all []logged) {
	w.tb.Helper()
	for _, record := range records(w.tb, w.brokers) {
		if record.Key != room.String() {
			continue
		}
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			w.tb.Fatal(err)
		}
		if posted, ok := event.Data.(events.MessagePosted); ok {
			all = append(all, logged{posted, record.Offset})
		}
	}
	slices.SortFunc(all, func(a, b logged) int { return cmp.Compare(a.offset, b.offset) })
	return all
}

func TestMediaIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	for sent, want := range map[string]string{
		`{"mediaUrl":"https://cdn.example/soup.png?size=1","mediaType":"image"}`: `{"mediaUrl":"https://cdn.example/soup.png?size=1","mediaType":"image"}`,
		`{"altText":"a soup 🥣","mimeType":"image/png","mediaType":"image","mediaUrl":"HTTP://x/` + strings.Repeat("é", 241) + `","other":[1]}`: `{"mediaUrl":"HTTP://x/` +
			strings.Repeat("é", 241) + `","mediaType":"image","mimeType":"image/png","altText":"a soup 🥣"}`,
		`{"mediaUrl":"https://x/y","mediaType":"` + strings.Repeat("ä", 80) + `","mimeType":null,"altText":null}`: `{"mediaUrl":"https://x/y","mediaType":"` + strings.Repeat("ä", 80) + `"}`,
	} {
		got, preview := w.mustSay(caller{id: user}, user, room, wire.Media, sent)
		var media wire.MediaBody
		if string(got.Body) != want || json.Unmarshal(got.Body, &media) != nil {
			t.Errorf("the body is %s, want %s", got.Body, want)
		}
		if preview != wire.MediaPreview(tokenName, media.Type) {
			t.Errorf("the preview is %+v", preview)
		}
	}
}

func TestAReplyQuotesWhatItsSenderSees(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	by := caller{id: user}
	text := w.mustSend(user, room, "Soup? 🥣 <b>")
	media, _ := w.mustSay(by, user, room, wire.Media, `{"mediaUrl":"https://x/y","mediaType":"image"}`)
	system, _ := w.mustSay(backend(uuid.New()), user, room, wire.SystemMessage, `{"text":"Lunch is at noon"}`)
	quoting := func(quoted wire.Message, details string) wire.Message {
		t.Helper()
		got, preview := w.mustSay(by, user, room, wire.Reply, fmt.Sprintf(
			`{"replyMsgId":%q,"replyCreatedAt":%q,"replyText":"%s"}`, quoted.ID, quoted.CreatedAt.Format(time.RFC3339), strings.Repeat("yes ", 15)))
		var reply wire.ReplyBody
		if err := json.Unmarshal(got.Body, &reply); err != nil {
			t.Fatal(err)
		}
		if reply.MessageID != quoted.ID || reply.SenderID != quoted.SenderID || reply.Type != quoted.Type || !reply.CreatedAt.Equal(quoted.CreatedAt.Time) ||
			string(reply.Details) != details || reply.Text != strings.Repeat("yes ", 15) {
			t.Errorf("the reply is %s, its details are to be %s", got.Body, details)
		}
		if preview != wire.ReplyPreview(tokenName, reply.Text) {
			t.Errorf("the preview is %+v", preview)
		}
		return got
	}
	first := quoting(text, string(text.Body))
	quoting(media, string(media.Body))
	quoting(system, string(system.Body))
	quoting(first, `{"reply_text":"`+strings.Repeat("yes ", 15)+`"}`)
}

func TestRepliesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	elsewhere, other := w.newRoom()
	foreign := w.mustSend(other, elsewhere, "not here")
	gone := w.mustSend(user, room, "soon gone")
	joined := change(room, uuid.New(), wire.Join, 1, user)
	entries, err := w.store.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 1)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%+v, %v", entries, err)
	}
	deleted := entries[0]
	deleted.Revision, deleted.DeletedAt, deleted.Message.Body = deleted.Position.Next(), time.Now(), json.RawMessage("{}")
	position := events.Position{Offset: deleted.Position.Offset + 1000}
	if err := w.store.Append(t.Context(), []store.Entry{deleted, {Position: position, Message: joined.Message}}); err != nil {
		t.Fatal(err)
	}
	before := len(w.posted(room))
	for name, c := range map[string]struct {
		quoted uuid.UUID
		code   string
	}{
		"of another room": {foreign.ID, "quoted-message-not-found"}, "deleted": {gone.ID, "quoted-message-not-found"},
		"of no message": {uuid.New(), "quoted-message-not-found"}, "of a change of members": {joined.Message.ID, "message-not-quotable"},
	} {
		got := w.say(caller{id: user}, room, wire.Reply, fmt.Sprintf(`{"replyMsgId":%q,"replyText":"yes"}`, c.quoted))
		if got.Status != http.StatusUnprocessableEntity || got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	if after := len(w.posted(room)); after != before {
		t.Errorf("the log has %d messages of the room more", after-before)
	}
}

// In a room without a past nobody quotes what came before it joined.
func TestAReplyQuotesNothingFromBeforeItsSenderJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, alice, carol := uuid.Must(uuid.NewV7()), uuid.New(), uuid.New()
	w.rooms.put(events.Membership{RoomID: room, SinceJoining: true, Audience: events.Audience{Users: []uuid.UUID{alice, carol}, Version: 1}})
	w.rooms.stand(events.Standing{RoomID: room, Version: 1, UserID: alice, Status: wire.Joined})
	before, since := w.mustSend(alice, room, "before"), w.mustSend(alice, room, "since")
	w.rooms.stand(events.Standing{RoomID: room, Version: 1, UserID: carol, Status: wire.Joined, From: &since.ID})
	for quoted, want := range map[uuid.UUID]int{before.ID: http.StatusUnprocessableEntity, since.ID: http.StatusOK} {
		if got := w.say(caller{id: carol}, room, wire.Reply, fmt.Sprintf(`{"replyMsgId":%q,"replyText":"yes"}`, quoted)); got.Status != want {
			t.Errorf("%s", got)
		}
	}
	if got := w.say(caller{id: alice}, room, wire.Reply, fmt.Sprintf(`{"replyMsgId":%q,"replyText":"yes"}`, before.ID)); got.Status != http.StatusOK {
		t.Errorf("who was there from the beginning: %s", got)
	}
	w.store.set(true, false)
	if got := w.say(caller{id: alice}, room, wire.Reply, fmt.Sprintf(`{"replyMsgId":%q,"replyText":"yes"}`, before.ID)); got.Status != http.StatusServiceUnavailable || got.Code() != "store-unavailable" {
		t.Errorf("while the store is down: %s", got)
	}
	if got := w.send(alice, room, "a text"); got.Status != http.StatusOK {
		t.Errorf("a text while the store is down: %s", got)
	}
}

func TestTheBackendSpeaksInRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	shop := backend(uuid.New())
	got, preview := w.mustSay(shop, user, room, wire.SystemMessage, `{"text":"Your order is on its way","data":{"order": 17},"other":1}`)
	if string(got.Body) != `{"text":"Your order is on its way","data":{"order":17}}` {
		t.Errorf("the body is %s", got.Body)
	}
	if preview != wire.TextPreview(tokenName, "Your order is on its way") {
		t.Errorf("the preview is %+v", preview)
	}
	if all := w.posted(room); len(all[0].Users) != 2 {
		t.Errorf("it is seen by %v", all[0].Users)
	}
	acme := uuid.Must(uuid.NewV7())
	w.rooms.put(events.Membership{RoomID: acme, Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1}, Tenant: "acme"})
	ofAcme := shop
	ofAcme.claims = map[string]any{"azp": backendClient, "tenant": "acme"}
	for name, c := range map[string]struct {
		by     caller
		room   uuid.UUID
		kind   wire.MessageType
		body   string
		status int
		code   string
	}{
		"the backend of the tenant":        {ofAcme, acme, wire.SystemMessage, `{"text":"a"}`, 200, ""},
		"the backend of another tenant":    {shop, acme, wire.SystemMessage, `{"text":"a"}`, 404, "room-not-found"},
		"to a room of another tenant":      {ofAcme, room, wire.SystemMessage, `{"text":"a"}`, 404, "room-not-found"},
		"to no room":                       {shop, uuid.New(), wire.SystemMessage, `{"text":"a"}`, 404, "room-not-found"},
		"a text of the backend, no member": {shop, room, wire.Text, `{"text":"a"}`, 404, "room-not-found"},
		"without a text":                   {shop, room, wire.SystemMessage, `{"data":{}}`, 422, "invalid-request"},
		"with a list":                      {shop, room, wire.SystemMessage, `{"text":"a","data":[]}`, 422, "invalid-request"},
		"with more than 8 KiB":             {shop, room, wire.SystemMessage, `{"text":"a","data":{"a":"` + strings.Repeat("b", 8192) + `"}}`, 422, "invalid-request"},
		"with nothing for data":            {shop, room, wire.SystemMessage, `{"text":"a","data":null}`, 200, ""},
		"a member, no backend":             {caller{id: user}, room, wire.SystemMessage, `{"text":"a"}`, 403, "forbidden"},
		"a stranger, no backend":           {caller{id: uuid.New()}, room, wire.SystemMessage, `{"text":"a"}`, 403, "forbidden"},
	} {
		got := w.say(c.by, c.room, c.kind, c.body)
		if got.Status != c.status || c.code != "" && got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
}
