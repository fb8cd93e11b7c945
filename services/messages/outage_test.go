package messages_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// While rooms is away for longer than its answers count, members go on as the log has them: to send, to mention and to read. Nobody else does.
func TestMembersGoOnWhileRoomsIsAway(t *testing.T) {
	t.Parallel()
	const ttl = 100 * time.Millisecond
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqliteAt(path))
	w.stop()
	w.store, w.cfg.Members.CacheTTL = &faulty{Store: sqliteAt(path)}, ttl
	w.start()
	w.awaitReady()
	room, users := w.newCrowd(2)
	alice, bob, carol := users[0], users[1], users[2]
	servicetest.AwaitSuccess(t, "the members are kept, and the log is followed", func() error {
		w.rooms.setDown(false)
		w.mustSend(alice, room, "rooms is there")
		w.rooms.setDown(true)
		over := time.NewTimer(2 * ttl)
		<-over.C
		if got := w.send(bob, room, "rooms is away"); got.Status != http.StatusOK {
			return fmt.Errorf("send: %s", got)
		}
		return nil
	})
	if n := counter(t, w.tel, "ism_messages_membership_lookups_total", "outage"); n == 0 {
		t.Error("no answer is counted as one of an outage")
	}
	if got := w.mention(caller{id: carol}, room, list(alice, bob)); got.Status != http.StatusOK {
		t.Errorf("a mention: %s", got)
	}
	if page, got := w.page(alice, room, ""); got.Status != http.StatusOK || len(page) < 3 {
		t.Errorf("the timeline is %s", got)
	}
	unavailable := func(who string, got nodetest.Answer) error {
		if got.Status != http.StatusServiceUnavailable || got.Code() != "rooms-unavailable" {
			return fmt.Errorf("%s: %s", who, got)
		}
		return nil
	}
	stranger, before := uuid.New(), len(w.posted(room))
	for _, err := range []error{
		unavailable("a stranger", w.send(stranger, room, "let me in")),
		unavailable("in a room that is not known", w.send(alice, uuid.New(), "hello")),
		unavailable("a mention of a stranger", w.mention(caller{id: alice}, room, list(stranger))),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if after := len(w.posted(room)); after != before {
		t.Errorf("the log has %d messages more", after-before)
	}

	produce(t, w.brokers, change(room, carol, wire.Leave, 2, alice, bob))
	servicetest.AwaitSuccess(t, "who has left is refused", func() error {
		return unavailable("who has left", w.send(carol, room, "am I still in?"))
	})
	last := w.mustSend(bob, room, "without her")
	posted := w.posted(room)
	if got := posted[len(posted)-1]; got.Message.ID != last.ID || got.Version != 2 || !slices.Equal(got.Users, []uuid.UUID{alice, bob}) {
		t.Errorf("the log has %+v", got)
	}
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{alice}, Version: 3}})
	w.rooms.setDown(false)
	servicetest.AwaitSuccess(t, "rooms is asked again", func() error {
		if got := w.send(bob, room, "am I still in?"); got.Status != http.StatusNotFound {
			return fmt.Errorf("send: %s", got)
		}
		return nil
	})
}
