package messages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// mention sends a text with a JSON of whom it mentions.
func (w *world) mention(by caller, room uuid.UUID, mentions string, headers ...string) nodetest.Answer {
	w.tb.Helper()
	body := fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"Soup?"},"mentions":%s}`, room, mentions)
	return w.doAs(by, http.MethodPost, "/api/send-msg", strings.NewReader(body), headers...)
}

// list is a JSON array of ids.
func list(ids ...uuid.UUID) string {
	raw, _ := json.Marshal(ids)
	return string(raw)
}

// newCrowd makes a room of a new user and so many others.
func (w *world) newCrowd(others int) (room uuid.UUID, users []uuid.UUID) {
	room = uuid.Must(uuid.NewV7())
	for range others + 1 {
		users = append(users, uuid.New())
	}
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: users, Version: 1}})
	return room, users
}

// Whom a message mentions is in the answer, the log and the timeline, whoever sends what; an edit leaves them, a deletion takes them away.
func TestMessagesMentionMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, users := w.newCrowd(49)
	author, shop := caller{id: users[0]}, backend(uuid.New())
	mentioning := func(by caller, kind wire.MessageType, body, mentions string, want ...uuid.UUID) wire.Message {
		t.Helper()
		got := w.doAs(by, http.MethodPost, "/api/send-msg", strings.NewReader(
			fmt.Sprintf(`{"chatRoomId":%q,"msgType":%q,"msgBody":%s,"mentions":%s}`, room, kind, body, mentions)))
		sent := message(t, got.Body)
		if got.Status != http.StatusOK || !slices.Equal(sent.Mentions, want) {
			t.Fatalf("%s mentioning %s: %s", kind, mentions, got)
		}
		w.is(users[1], sent)
		if posted := w.posted(room); !slices.Equal(posted[len(posted)-1].Message.Mentions, want) {
			t.Errorf("the log has %+v", posted[len(posted)-1].Message)
		}
		return sent
	}
	text := mentioning(author, wire.Text, `{"text":"Soup?"}`, list(users[2], users[0], users[2], users[1], users[0]), users[2], users[0], users[1])
	mentioning(author, wire.Media, `{"mediaUrl":"https://x/y","mediaType":"image"}`, list(users...), users...)
	mentioning(author, wire.Reply, `{"replyMsgId":"`+text.ID.String()+`","replyText":"yes"}`, strings.ToUpper(list(users[3])), users[3])
	mentioning(shop, wire.SystemMessage, `{"text":"Lunch"}`, list(users[4]), users[4])
	for _, nobody := range []string{"[]", "null"} {
		if sent := mentioning(author, wire.Text, `{"text":"Soup?"}`, nobody); sent.Mentions != nil {
			t.Errorf("%s: %+v", nobody, sent)
		}
	}

	edited := w.editAs(author, room, text.ID, `{"text":"Soup!"}`)
	if got := message(t, edited.Body); edited.Status != http.StatusOK || !slices.Equal(got.Mentions, text.Mentions) {
		t.Fatalf("edited it is %s", edited)
	}
	w.is(users[1], message(t, edited.Body))
	other := w.doAs(author, http.MethodPatch, pathOf(room, text.ID), strings.NewReader(`{"msgBody":{"text":"Soup"},"mentions":`+list(users[5])+`}`))
	if other.Status != http.StatusUnprocessableEntity || other.Code() != "invalid-request" {
		t.Errorf("an edit that mentions others: %s", other)
	}
	deleted := w.deleteAs(author, room, text.ID)
	if got := message(t, deleted.Body); deleted.Status != http.StatusOK || got.Mentions != nil {
		t.Errorf("deleted it is %s", deleted)
	}
	w.is(users[1], message(t, deleted.Body))
	for _, revision := range w.revisions(text.ID) {
		if m := revision.Revises().Message; slices.Equal(m.Mentions, text.Mentions) != (m.DeletedAt == nil) {
			t.Errorf("the log has %s with %v", revision.EventName(), m.Mentions)
		}
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	w.is(users[1], message(t, deleted.Body))
}

func TestBadMentionsAreRefusedAndLeaveNoTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, users := w.newCrowd(50)
	_, strangers := w.newCrowd(49)
	for name, c := range map[string]struct {
		mentions string
		status   int
		code     string
	}{
		"51":                     {list(users...), 422, "invalid-request"},
		"one, 51 times":          {list(slices.Repeat(users[:1], 51)...), 422, "invalid-request"},
		"a name":                 {`["alice"]`, 422, "invalid-request"},
		"an empty id":            {`[""]`, 422, "invalid-request"},
		"a UUID without hyphens": {`["` + strings.ReplaceAll(users[1].String(), "-", "") + `"]`, 422, "invalid-request"},
		"nothing":                {`[null]`, 422, "invalid-request"},
		"a NUL":                  {`["\u0000"]`, 422, "invalid-request"},
		"a number":               {`[7]`, 400, "malformed-json"},
		"no list":                {`"` + users[1].String() + `"`, 400, "malformed-json"},
		"an object":              {`{}`, 400, "malformed-json"},
		"a stranger":             {list(users[1], uuid.New()), 422, "mentioned-not-a-member"},
		"fifty strangers":        {list(strangers...), 422, "mentioned-not-a-member"},
		"the nil user":           {list(uuid.Nil), 422, "mentioned-not-a-member"},
		"the room":               {list(room), 422, "mentioned-not-a-member"},
	} {
		if got := w.mention(caller{id: users[0]}, room, c.mentions); got.Status != c.status || got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := w.mention(caller{id: uuid.New()}, room, list(users[0])); got.Status != http.StatusNotFound || got.Code() != "room-not-found" {
		t.Errorf("by a stranger: %s", got)
	}
	if got := w.posted(room); len(got) != 0 {
		t.Errorf("the log has %d messages", len(got))
	}
	if lines := w.log.taken(); len(lines) > 0 {
		t.Errorf("logged as errors: %q", lines)
	}
}

// Who has just joined can be mentioned, also while the members of before are kept.
func TestWhoHasJustJoinedIsMentioned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	w.mustSend(user, room, "so that the members are kept")
	carol := uuid.New()
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{user, carol}, Version: 2}})
	if got := w.mention(caller{id: user}, room, list(carol)); got.Status != http.StatusOK || !slices.Equal(message(t, got.Body).Mentions, []uuid.UUID{carol}) {
		t.Errorf("%s", got)
	}
	w.rooms.setDown(true)
	if got := w.mention(caller{id: user}, room, list(uuid.New())); got.Status != http.StatusServiceUnavailable || got.Code() != "rooms-unavailable" {
		t.Errorf("a stranger, while rooms is down: %s", got)
	}
}

// In a large room each who is mentioned is asked for, and remembered.
func TestMembersOfALargeRoomAreMentioned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := uuid.Must(uuid.NewV7()), uuid.New()
	w.rooms.put(events.Membership{RoomID: room, Audience: events.WholeRoom(1)})
	users := []uuid.UUID{user}
	for range 49 {
		users = append(users, uuid.New())
	}
	for _, member := range users {
		w.rooms.stand(events.Standing{RoomID: room, Version: 1, UserID: member, Status: wire.Joined})
	}
	former := uuid.New()
	w.rooms.stand(events.Standing{RoomID: room, Version: 1, UserID: former, Status: wire.Left})
	if got := w.mention(caller{id: user}, room, list(users...)); got.Status != http.StatusOK || !slices.Equal(message(t, got.Body).Mentions, users) {
		t.Fatalf("%s", got)
	}
	for _, other := range []uuid.UUID{former, uuid.New()} {
		if got := w.mention(caller{id: user}, room, list(users[1], other)); got.Status != http.StatusUnprocessableEntity || got.Code() != "mentioned-not-a-member" {
			t.Errorf("%s", got)
		}
	}
	if got := w.mention(backend(uuid.New()), room, list(former)); got.Code() != "room-not-found" { // no member, and a text
		t.Errorf("by the backend: %s", got)
	}
}

// A send that is tried again says whom it mentions, too, and is the same when they have left.
func TestASendWithOtherMentionsIsAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqliteAt(path))
	room, users := w.newCrowd(3)
	by, named := caller{id: users[0]}, []string{"Idempotency-Key", "order-17"}
	first := w.mention(by, room, list(users[1], users[2]), named...)
	if first.Status != http.StatusOK {
		t.Fatal(first)
	}
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: users[:1], Version: 2}})
	w.stop() // so that it is looked for in the store
	w.store = &faulty{Store: sqliteAt(path)}
	w.start()
	w.awaitReady()
	again := w.mention(by, room, list(users[1], users[1], users[2]), named...)
	if string(again.Body) != string(first.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s, and then %s", first, again)
	}
	for _, other := range []string{"[]", list(users[1]), list(users[2], users[1])} {
		if got := w.mention(by, room, other, named...); got.Status != http.StatusUnprocessableEntity || got.Code() != "idempotency-key-reused" {
			t.Errorf("with %s: %s", other, got)
		}
	}
}
