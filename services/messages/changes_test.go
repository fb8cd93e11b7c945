package messages_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

func (w *world) changes(user, room uuid.UUID, since string, limit int) wire.Changes {
	w.tb.Helper()
	got := w.do(user, http.MethodGet, fmt.Sprintf("/api/rooms/%s/changes?since=%s&limit=%d", room, url.QueryEscape(since), limit), nil)
	var changes wire.Changes
	if err := json.Unmarshal(got.Body, &changes); got.Status != http.StatusOK || err != nil {
		w.tb.Fatalf("changes since %q: %s, %v", since, got, err)
	}
	return changes
}

// mirror is what a client has of a room.
type mirror struct {
	since    string
	messages map[uuid.UUID]wire.Message
	seen     []string // positions, in the order in which they came
}

func newMirror() *mirror { return &mirror{messages: map[uuid.UUID]wire.Message{}} }

// catchUp asks for what has happened until there is no more.
func (m *mirror) catchUp(w *world, user, room uuid.UUID, limit int) {
	w.tb.Helper()
	for {
		got := w.changes(user, room, m.since, limit)
		for _, change := range got.Changes {
			m.seen = append(m.seen, change.Position)
			m.messages[change.Message.ID] = change.Message
		}
		if got.Since < m.since || got.More && got.Since == m.since {
			w.tb.Fatalf("behind %q it goes on behind %q", m.since, got.Since)
		}
		if m.since = got.Since; !got.More {
			return
		}
	}
}

// differs says how what the client has is not the timeline.
func (m *mirror) differs(timeline []wire.Message) error {
	mine := make([]wire.Message, 0, len(m.messages))
	for _, message := range m.messages {
		mine = append(mine, message)
	}
	slices.SortFunc(mine, func(a, b wire.Message) int { return -compare(a.Position, b.Position) })
	got, _ := json.Marshal(mine)
	want, _ := json.Marshal(timeline)
	if string(got) != string(want) {
		return fmt.Errorf("the client has\n%s\nthe timeline is\n%s", got, want)
	}
	return nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A client that asks now and then for what has happened ends with the timeline, whatever was sent, edited and deleted meanwhile, by pages of any size.
func TestChangesBringAClientUpToDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	random := rand.New(rand.NewPCG(7, 12))
	room, user := w.newRoom()
	clients := map[int]*mirror{1: newMirror(), 3: newMirror(), 100: newMirror()}
	for range 3 {
		w.chatter(t, random, room, user)
		for limit, client := range clients {
			client.catchUp(w, user, room, limit)
		}
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	timeline := w.timeline(user, room)
	for limit, client := range clients {
		servicetest.AwaitSuccess(t, "the client is up to date", func() error {
			client.catchUp(w, user, room, limit)
			return client.differs(timeline)
		})
		if !slices.IsSorted(client.seen) {
			t.Errorf("by %d the changes came as %v", limit, client.seen)
		}
	}
	fresh := newMirror()
	fresh.catchUp(w, user, room, 10)
	if err := fresh.differs(timeline); err != nil {
		t.Error(err)
	}
	if len(slices.Compact(fresh.seen)) != len(fresh.seen) {
		t.Errorf("a change came twice: %v", fresh.seen)
	}
}

// What the store has not is in the changes all the same, or they end before it.
func TestChangesHaveNoHoles(t *testing.T) {
	t.Parallel()
	w, other, path := twoNodes(t)
	room, user := w.newRoom()
	first := w.mustSend(user, room, "first")
	nodes := []*world{w, other}
	for _, node := range nodes {
		servicetest.AwaitSuccess(t, "the first is there", func() error {
			if got := node.changes(user, room, "", 10).Changes; len(got) != 1 {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
		node.store.lose(unwritable("hole"))
	}
	w.mustSend(user, room, "hole")
	w.mustSend(user, room, "behind")
	for _, node := range nodes {
		client := newMirror()
		client.since = first.Position
		servicetest.AwaitSuccess(t, "the changes come", func() error {
			client.catchUp(node, user, room, 10)
			if len(client.messages) < 2 {
				return fmt.Errorf("%+v", client.messages)
			}
			return nil
		})
		if len(client.messages) != 2 || !slices.IsSorted(client.seen) {
			t.Errorf("%+v", client)
		}
	}
	late := w.node(sqliteAt(path))
	client := newMirror()
	client.catchUp(late, user, room, 10)
	if len(client.messages) > 1 {
		t.Errorf("a node that has not read the log gives %+v", client.messages)
	}
	for _, node := range append(nodes, late) {
		node.store.lose(nil)
	}
	servicetest.AwaitSuccess(t, "the consumer group has written all", func() error {
		client.catchUp(late, user, room, 10)
		return client.differs(late.timeline(user, room))
	})
}

// Who joins and who leaves is told as such, and a former member is told of nothing that came after.
func TestChangesOfMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, alice := w.newRoom()
	carol := uuid.New()
	w.mustSend(alice, room, "before")
	joined, left := change(room, carol, wire.Join, 2, alice), change(room, carol, wire.Leave, 3, alice)
	produce(t, w.brokers, joined)
	sent := w.mustSend(alice, room, "meanwhile")
	produce(t, w.brokers, left)
	after := w.mustSend(alice, room, "after")
	w.caughtUp(kafkaClient(t, w.brokers))
	w.editAs(caller{id: alice}, room, sent.ID, `{"text":"edited"}`)
	w.deleteAs(caller{id: alice}, room, after.ID)
	w.caughtUp(kafkaClient(t, w.brokers))
	from := joined.Message.ID
	to := left.Message.ID
	w.rooms.stand(events.Standing{RoomID: room, Version: 3, UserID: carol, Status: wire.Left, From: &from, To: &to})
	for user, want := range map[uuid.UUID]string{
		alice: "[new joined new left new edited deleted]",
		carol: "[joined new left edited]",
	} {
		servicetest.AwaitSuccess(t, "all changes are told", func() error {
			var kinds []string
			for _, change := range w.changes(user, room, "", 100).Changes {
				kinds = append(kinds, change.Change)
			}
			if fmt.Sprint(kinds) != want {
				return fmt.Errorf("%v, want %s", kinds, want)
			}
			return nil
		})
	}
}

func TestBadQuestionsForChangesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	foreign, _ := w.newRoom()
	sent := w.mustSend(user, room, "hello")
	at := func(room uuid.UUID, query string) string { return "/api/rooms/" + room.String() + "/changes" + query }
	for _, test := range []struct {
		path   string
		status int
		code   string
	}{
		{at(room, ""), 422, "invalid-request"},
		{at(room, "?since=hello"), 400, "invalid-position"},
		{at(room, "?since=10"), 400, "invalid-position"},
		{at(room, "?since=9ffffffff10"), 400, "invalid-position"},
		{at(room, "?since=1710"), 400, "invalid-position"}, // of an epoch that is not
		{at(room, "?since=&limit=0"), 422, "invalid-request"},
		{at(room, "?since=&limit=10000"), 422, "invalid-request"},
		{at(foreign, "?since="), 404, "room-not-found"},
		{"/api/rooms/kitchen/changes?since=", 400, "invalid-id"},
	} {
		if got := w.do(user, http.MethodGet, test.path, nil); got.Status != test.status || got.Code() != test.code {
			t.Errorf("%s: %s, want %d %s", test.path, got, test.status, test.code)
		}
	}
	late := time.After(servicetest.Timeout)
	for got := w.changes(user, room, sent.Position, 10); got.Since == sent.Position; got = w.changes(user, room, got.Since, 10) {
		w.mustSend(user, room, "one more") // the log goes on, and with it what to ask with
		select {
		case <-late:
			t.Fatalf("since stays %s", got.Since)
		default:
		}
	}
	// Only now is it certain that there is something to be shown by mistake.
	if got := w.changes(user, room, "10g7fffffffffffffff", 10); len(got.Changes) != 0 || got.More {
		t.Errorf("behind the end of the log: %+v", got)
	}
}
