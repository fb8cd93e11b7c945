package messages_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// Alone a message is read by whom the timeline shows it, and only such a message is edited or deleted.
func TestAMessageIsReadByWhoSeesItInTheTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, alice := w.newRoom()
	carol := uuid.New()
	members := func(version int64, users ...uuid.UUID) {
		w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: users, Version: version}, SinceJoining: version > 1})
	}
	members(1, alice, carol)
	before := w.mustSend(carol, room, "before")
	joined := change(room, carol, wire.Join, 2, alice)
	produce(t, w.brokers, joined)
	w.caughtUp(kafkaClient(t, w.brokers))
	members(2, alice, carol)
	w.rooms.stand(events.Standing{RoomID: room, Version: 2, UserID: alice, Status: wire.Joined})
	since := events.Standing{RoomID: room, Version: 2, UserID: carol, Status: wire.Joined, From: &joined.Message.ID}
	w.rooms.stand(since)
	between := w.mustSend(carol, room, "between")
	left := change(room, carol, wire.Leave, 3, alice)
	produce(t, w.brokers, left)
	after := w.mustSend(alice, room, "after")
	w.caughtUp(kafkaClient(t, w.brokers))

	reads := func(who string, user uuid.UUID, of wire.Message, status int, code string) {
		t.Helper()
		got := w.do(user, http.MethodGet, pathOf(room, of.ID), nil)
		if got.Status != status || got.Code() != code {
			t.Errorf("%s reads %s: %s, want %d %s", who, of.Body, got, status, code)
		}
		if status == http.StatusOK && message(t, got.Body).ID != of.ID {
			t.Errorf("%s reads %s: %s", who, of.Body, got)
		}
	}
	reads("a member", alice, before, 200, "")
	reads("a member", alice, after, 200, "")
	reads("who has joined", carol, before, 404, "message-not-found")
	reads("who has joined", carol, joined.Message, 200, "")
	reads("who has joined", carol, between, 200, "")
	reads("a stranger", uuid.New(), between, 404, "room-not-found")
	reads("a member", alice, wire.Message{ID: uuid.New()}, 404, "message-not-found")
	if got := w.doAs(backend(uuid.New()), http.MethodGet, pathOf(room, between.ID), nil); got.Status != http.StatusNotFound {
		t.Errorf("a backend that is in no room reads: %s", got)
	}
	if got := w.editAs(caller{id: carol}, room, before.ID, `{"text":"a"}`); got.Code() != "message-not-found" {
		t.Errorf("an edit of what its author does not see: %s", got)
	}
	if got := w.deleteAs(caller{id: carol}, room, before.ID); got.Code() != "message-not-found" {
		t.Errorf("a deletion of what its author does not see: %s", got)
	}
	if got := w.editAs(caller{id: carol}, room, between.ID, `{"text":"a"}`); got.Status != http.StatusOK {
		t.Errorf("an edit of what its author sees: %s", got)
	}

	members(3, alice)
	since.Status, since.To = wire.Left, &left.Message.ID
	w.rooms.stand(since)
	reads("a former member", carol, before, 404, "message-not-found")
	reads("a former member", carol, between, 200, "")
	reads("a former member", carol, after, 404, "message-not-found")
}

// Without the store nobody can say what is revised: nothing is written to the log, and once it is back all is as before.
func TestNothingIsRevisedWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	for name, hanging := range map[string]bool{"refusing": false, "hanging": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
			room, user := w.newRoom()
			sent := w.mustSend(user, room, "Soup?")
			client := kafkaClient(t, w.brokers)
			before := length(t, client)
			w.store.set(true, hanging)
			for method, got := range map[string]nodetest.Answer{
				http.MethodPatch:  w.editAs(caller{id: user}, room, sent.ID, `{"text":"Soup!"}`),
				http.MethodDelete: w.deleteAs(caller{id: user}, room, sent.ID),
				http.MethodGet:    w.do(user, http.MethodGet, pathOf(room, sent.ID), nil),
			} {
				if got.Status != http.StatusServiceUnavailable || got.Code() != "store-unavailable" || got.Header.Get("Retry-After") == "" {
					t.Errorf("%s: %s", method, got)
				}
			}
			w.store.set(false, false)
			if now := length(t, client); now != before {
				t.Errorf("the log has %d records more", now-before)
			}
			w.is(user, sent)
		})
	}
}
