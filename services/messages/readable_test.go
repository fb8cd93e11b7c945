package messages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// change is the event of a user who joins a room of others, or leaves it.
func change(room, user uuid.UUID, what wire.Change, version int64, others ...uuid.UUID) events.MembershipChanged {
	now := wire.At(time.Now())
	member := wire.Member{ID: user, DisplayName: "carol", JoinedAt: now, Status: wire.Joined}
	audience := append(slices.Clone(others), user)
	body := wire.RoomChangeBody{Type: "UserJoined", RelatedUser: member}
	if what == wire.Leave {
		body.Type, body.RelatedUser.Status, audience = "UserLeft", wire.Left, others
	}
	raw, _ := json.Marshal(body)
	return events.MembershipChanged{
		RoomID: room, Change: what, Member: body.RelatedUser,
		Message:  wire.Message{RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: user, Type: wire.RoomChange, Body: raw, CreatedAt: now},
		Preview:  wire.RoomChangePreview("carol", what),
		Room:     &wire.Room{ID: room, Type: wire.Group},
		Audience: events.Audience{Users: audience, Version: version},
	}
}

// texts are the bodies of a timeline, newest first.
func texts(timeline []wire.Message) (all []string) {
	for _, m := range timeline {
		var body struct{ Text, Type string }
		_ = json.Unmarshal(m.Body, &body)
		all = append(all, body.Text+body.Type)
	}
	return all
}

// A user joins a room and leaves it. Members see all of it. Who has left sees what came before, and nothing after; in a room without a past, only
// what came since it joined.
func TestWhoMayReadWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, alice := w.newRoom()
	carol := uuid.New()
	w.mustSend(alice, room, "before")
	joined := change(room, carol, wire.Join, 2, alice)
	produce(t, w.brokers, joined)
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{alice, carol}, Version: 2}})
	servicetest.AwaitSuccess(t, "the change is in the timeline", func() error {
		if got := texts(w.timeline(alice, room)); !slices.Contains(got, "UserJoined") {
			return fmt.Errorf("it has %v", got)
		}
		return nil
	})
	w.mustSend(carol, room, "between")
	left := change(room, carol, wire.Leave, 3, alice)
	produce(t, w.brokers, left)
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{alice}, Version: 3}})
	former := events.Standing{RoomID: room, Version: 3, UserID: carol, Status: wire.Left, To: &left.Message.ID}
	w.rooms.stand(former)
	servicetest.AwaitSuccess(t, "who has left is refused", func() error {
		if got := w.send(carol, room, "still in?"); got.Status != http.StatusNotFound {
			return fmt.Errorf("the answer is %s", got)
		}
		return nil
	})
	w.mustSend(alice, room, "after")

	sees := func(who uuid.UUID, want ...string) {
		t.Helper()
		slices.Reverse(want)
		if got := texts(w.timeline(who, room)); !slices.Equal(got, want) {
			t.Errorf("the timeline is %v, want %v", got, want)
		}
	}
	sees(alice, "before", "UserJoined", "between", "UserLeft", "after")
	sees(carol, "before", "UserJoined", "between", "UserLeft")
	former.From = &joined.Message.ID
	w.rooms.stand(former)
	sees(carol, "UserJoined", "between", "UserLeft")
	for _, query := range []string{"?timestamp=2100-01-01T00:00:00Z&limit=2", "?limit=2"} {
		page, _ := w.page(carol, room, query)
		if got := texts(page); !slices.Equal(got, []string{"UserLeft", "between"}) {
			t.Errorf("%s gives %v", query, got)
		}
	}
	if _, got := w.page(uuid.New(), room, ""); got.Status != http.StatusNotFound {
		t.Errorf("a stranger is answered with %s", got)
	}
	w.rooms.setDown(true)
	if _, got := w.page(carol, room, ""); got.Status != http.StatusServiceUnavailable {
		t.Errorf("while rooms is down: %s", got)
	}
	w.rooms.setDown(false)
	unknown := uuid.New()
	former.To = &unknown
	w.rooms.stand(former)
	if _, got := w.page(carol, room, ""); got.Status != http.StatusServiceUnavailable || got.Problem(t)["code"] != "timeline-behind" {
		t.Errorf("before the change has come: %s", got)
	}
}
