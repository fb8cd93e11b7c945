package messages_test

import (
	"fmt"
	"log/slog"
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
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

// aged is an event of a message that a user has sent so long ago.
func aged(room, sender uuid.UUID, text string, age time.Duration) events.MessagePosted {
	return events.MessagePosted{
		RoomID: room, Audience: events.Audience{Users: []uuid.UUID{sender}, Version: 1},
		Message: wire.Message{
			RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: sender, Body: []byte(`{"text":"` + text + `"}`), Type: wire.Text,
			CreatedAt: wire.At(time.Now().Add(-age)),
		},
	}
}

// shows reads a timeline in every way that there is, which must have the texts, the oldest first.
func (w *world) shows(t *testing.T, user, room uuid.UUID, want ...string) {
	t.Helper()
	newest := slices.Clone(want)
	slices.Reverse(newest)
	for _, query := range []string{"?limit=2", "?limit=100", "?limit=2&timestamp=2100-01-01T00:00:00Z", "?limit=2&direction=newer"} {
		if got := texts(w.walk(user, room, query)); !slices.Equal(got, newest) {
			t.Errorf("%s gives %v, want %v", query, got, newest)
		}
	}
	var changed []string
	for _, change := range w.changes(user, room, "", 100).Changes {
		changed = append(changed, texts([]wire.Message{change.Message})...)
	}
	if !slices.Equal(changed, want) {
		t.Errorf("the changes are %v, want %v", changed, want)
	}
}

const week = 7 * 24 * time.Hour

// becomes waits until a timeline has the texts, the oldest first.
func (w *world) becomes(t *testing.T, user, room uuid.UUID, want ...string) {
	t.Helper()
	slices.Reverse(want)
	servicetest.AwaitSuccess(t, "the timeline is as wanted", func() error {
		if got := texts(w.timeline(user, room)); !slices.Equal(got, want) {
			return fmt.Errorf("it is %v, want %v", got, want)
		}
		return nil
	})
}

// What is older than a retention is shown to nobody, from when it is set, also where it was stored to be kept for ever.
func TestWhatIsOlderThanARetentionIsNotShown(t *testing.T) {
	t.Parallel()
	path, discard := filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler)
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqlite.New(path, discard))
	room, alice := w.newRoom()
	carol := uuid.New()
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{alice, carol}, Version: 2}})
	old := aged(room, alice, "old", 2*week)
	joined := change(room, carol, wire.Join, 2, alice)
	joined.Message.CreatedAt = wire.At(time.Now().Add(-10 * 24 * time.Hour))
	recent := aged(room, alice, "recent", week/2)
	produce(t, w.brokers, old, joined, recent)
	servicetest.AwaitSuccess(t, "the store has what was sent", func() error {
		_, err := w.store.Store.Find(t.Context(), room, recent.Message.ID)
		return err
	})
	w.mustSend(alice, room, "now")
	w.stop()

	w.cfg.Retention = week
	w.store = &faulty{Store: sqlite.New(path, discard)}
	w.start()
	w.awaitReady()
	w.becomes(t, alice, room, "recent", "now") // at first it is not known what the store lacks
	w.shows(t, alice, room, "recent", "now")
	// What says since when somebody may read is kept.
	w.rooms.stand(events.Standing{RoomID: room, Version: 2, UserID: carol, From: &joined.Message.ID})
	w.shows(t, carol, room, "recent", "now")

	for name, answer := range map[string]nodetest.Answer{
		"read":   w.do(alice, http.MethodGet, pathOf(room, old.Message.ID), nil),
		"around": w.do(alice, http.MethodGet, "/api/rooms/"+room.String()+"/timeline?around="+old.Message.ID.String(), nil),
		"edit":   w.editAs(caller{id: alice}, room, old.Message.ID, `{"text":"new"}`),
		"delete": w.deleteAs(caller{id: alice}, room, old.Message.ID),
		"change": w.do(alice, http.MethodGet, pathOf(room, joined.Message.ID), nil),
	} {
		if answer.Status != http.StatusNotFound || answer.Code() != "message-not-found" {
			t.Errorf("%s: %s", name, answer)
		}
	}
	reply := w.say(caller{id: alice}, room, wire.Reply, `{"replyMsgId":"`+old.Message.ID.String()+`","replyText":"yes"}`)
	if reply.Status < 400 {
		t.Errorf("reply: %s", reply)
	}
	if page, _ := w.page(alice, room, "?timestamp="+wire.At(time.Now().Add(-week-time.Hour)).String()); len(page) != 0 {
		t.Errorf("before the retention there is %v", texts(page))
	}

	w.wantsRetention(t, http.MethodPut, room, `{"days":0}`, wire.RoomRetention{Own: true})
	w.shows(t, alice, room, "old", "UserJoined", "recent", "now")
	w.wantsRetention(t, http.MethodPut, room, `{"days":2}`, wire.RoomRetention{Days: 2, Own: true})
	w.shows(t, alice, room, "now")
}

// A message is stored to go, with all that finds it, and is gone when the log is read again.
func TestAMessageIsStoredToGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t), keeping(week))
	room, alice := w.newRoom()
	over, soon := aged(room, alice, "over", week+time.Minute), aged(room, alice, "soon", week-8*time.Second)
	produce(t, w.brokers, over, soon, aged(room, alice, "long", week/2))
	w.mustSend(alice, room, "now")
	w.becomes(t, alice, room, "soon", "long", "now")
	w.becomes(t, alice, room, "long", "now") // in some seconds
	if _, err := w.store.Store.Find(t.Context(), room, soon.Message.ID); err == nil {
		t.Error("the store still has what has expired")
	}
	if _, err := w.store.Store.Find(t.Context(), room, over.Message.ID); err == nil {
		t.Error("the store has what had expired before it was written")
	}
}

// The log says when a message goes, and what an edit makes of it, by what its room keeps now; where nothing goes, or nothing is left to show, it does not.
func TestTheLogSaysWhenAMessageGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, alice := w.newRoom()
	expires := func(what string, of wire.Message, said *wire.Time, days int) {
		t.Helper()
		switch {
		case days == 0 && said != nil, days > 0 && (said == nil || !said.Equal(of.CreatedAt.AddDate(0, 0, days))):
			t.Errorf("%s goes at %v, %d days after %s", what, said, days, of.CreatedAt)
		}
	}
	stays := w.mustSend(alice, room, "stays")
	w.wantsRetention(t, http.MethodPut, room, `{"days":7}`, wire.RoomRetention{Days: 7, Own: true})
	goes := w.mustSend(alice, room, "goes")
	if posted := w.posted(room); len(posted) == 2 {
		expires("what stays", stays, posted[0].Expires, 0)
		expires("what goes", goes, posted[1].Expires, 7)
	} else {
		t.Fatalf("the log has %+v", posted)
	}
	for _, answer := range []nodetest.Answer{w.editAs(caller{id: alice}, room, stays.ID, `{"text":"goes, too"}`), w.deleteAs(caller{id: alice}, room, stays.ID)} {
		if answer.Status != http.StatusOK {
			t.Fatalf("revise: %s", answer)
		}
	}
	if made := w.revisions(stays.ID); len(made) == 2 {
		expires("an edit", stays, made[0].Revises().Expires, 7)
		expires("a deletion", stays, made[1].Revises().Expires, 0)
	} else {
		t.Fatalf("the log has %+v", made)
	}
}
