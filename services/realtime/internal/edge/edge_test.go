package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

func TestLiveEventsGoToTheirAudienceAlone(t *testing.T) {
	e := caughtUp(t, limits())
	alice, bob, carol := uuid.New(), uuid.New(), uuid.New()
	ingest(t, e, record(t, 1, 0, "before", alice, bob))
	atAlice, alsoAlice, atBob, atCarol := newClient(), newClient(), newClient(), newClient()
	for user, subs := range map[uuid.UUID][]*client{alice: {atAlice, alsoAlice}, bob: {atBob}, carol: {atCarol}} {
		for _, sub := range subs {
			got := attach(t, e, user, "", sub)
			if want := "id: " + id(0, 1, 0, 0) + "\n\n"; string(got.Opening) != want || got.Seq != 1 || len(got.Backlog) != 0 {
				t.Errorf("opening %q of %d, want %q; backlog %v", got.Opening, got.Seq, want, got.Backlog)
			}
		}
	}
	ingest(t, e, record(t, 1, 1, "a", alice), record(t, 1, 2, "b", bob, alice, alice), record(t, 3, 7, "c", bob))
	e.Detach(alice, alsoAlice)
	ingest(t, e, record(t, 1, 3, "d", alice), record(t, 2, 0, "e", carol))
	same(t, "alice", atAlice.take(), "a@[0 2 0 0]", "b@[0 3 0 0]", "d@[0 4 0 8]")
	same(t, "alice's second stream", alsoAlice.take(), "a@[0 2 0 0]", "b@[0 3 0 0]")
	bobs := atBob.take()
	same(t, "bob", bobs, "b@[0 3 0 0]", "c@[0 3 0 8]")
	same(t, "carol", atCarol.take(), "e@[0 4 1 8]")
	if bobs[0].Seq != 3 || bobs[1].Seq != 4 {
		t.Errorf("records %d and %d", bobs[0].Seq, bobs[1].Seq)
	}
	if got := e.Position(); got.Seq != 6 || string(got.ID) != "id: "+id(0, 4, 1, 8)+"\n" {
		t.Errorf("position %d, %q", got.Seq, got.ID)
	}
}

// Encoding and comparing a text for each of a room's members would cost more than writing it.
func TestStreamsShareTextAndID(t *testing.T) {
	e := caughtUp(t, limits())
	alice, bob := uuid.New(), uuid.New()
	atAlice, atBob := newClient(), newClient()
	attach(t, e, alice, "", atAlice)
	attach(t, e, bob, "", atBob)
	ingest(t, e, record(t, 1, 0, "a", alice, bob))
	one, other := atAlice.take()[0], atBob.take()[0]
	if one.Event != other.Event || &one.ID[0] != &other.ID[0] {
		t.Error("each stream has a copy of its own")
	}
}

func TestReadyOnceCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := starting(t, limits(), telemetry.Discard(nil))
		if err := e.Ready(t.Context()); !errors.Is(err, ErrNotCaughtUp) {
			t.Errorf("before: %v", err)
		}
		waited := make(chan error)
		go func() { waited <- e.Await(t.Context()) }()
		synctest.Wait()
		e.CaughtUp()
		if err := <-waited; err != nil {
			t.Errorf("the waiting request: %v", err)
		}
		if err := e.Ready(t.Context()); err != nil {
			t.Errorf("after: %v", err)
		}
	})
}

func TestResyncNamesItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := limits()
		cfg.Records = 5
		e := caughtUp(t, cfg)
		user := uuid.New()
		for offset := range int64(10) {
			ingest(t, e, record(t, 1, offset, "x", user))
		}
		anew := rooms()
		anew.ID = uuid.NewString()
		for lastEventID, reason := range map[string]string{
			"nonsense!":               "malformed",
			"1-7":                     "malformed", // of a version whose edges read a second log
			strings.Repeat("x", 5000): "malformed",
			id(0, 7):                  "malformed",
			string(cut.Of(0, anew).Append(nil, at(0, 7, 0, 0))):    "other-logs",
			string(cut.Of(1, rooms()).Append(nil, at(0, 7, 0, 0))): "other-logs",
			id(0, 4, 0, 0):     "expired",
			id(0, 0, 0, 0):     "expired",
			id(0, 11, 0, 0):    "unknown-position",
			id(1, 7, 0, 0):     "unknown-position",
			id(0, 7, 0, 1<<61): "unknown-position",
		} {
			sub := newClient()
			got := attach(t, e, user, lastEventID, sub)
			data, isEvent := strings.CutPrefix(string(got.Opening), "id: "+id(0, 10, 0, 0)+"\ndata: ")
			var event wire.Resync
			if !isEvent || json.Unmarshal([]byte(data), &event) != nil || event.Type != "Resync" || event.Reason != reason || event.CreatedAt.IsZero() {
				t.Errorf("behind %.80s: %q, want the reason %s", lastEventID, got.Opening, reason)
			}
			if len(got.Backlog) != 0 {
				t.Errorf("behind %s there is a backlog", lastEventID)
			}
			e.Detach(user, sub)
		}
		sub := newClient()
		attach(t, e, user, "nonsense", sub)
		ingest(t, e, record(t, 1, 10, "live", user))
		same(t, "after a Resync", sub.take(), "live@[0 11 0 0]")
	})
}

// A client that comes from an edge that has read further must wait for this one, not have to reload.
func TestResumeWaitsForAnEdgeThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(t, limits())
		user := uuid.New()
		ingest(t, e, record(t, 1, 0, "0", user), record(t, 2, 0, "other", user))
		sub := newClient()
		attached := make(chan stream.Attachment)
		go func() { attached <- attach(t, e, user, id(0, 3, 0, 0), sub) }()
		time.Sleep(aheadTimeout / 2)
		for offset := int64(1); offset < 5; offset++ {
			ingest(t, e, record(t, 1, offset, fmt.Sprint(offset), user))
		}
		got := <-attached
		// It attaches as soon as the edge has caught up: what comes behind is live.
		same(t, "behind", slices.Concat(got.Backlog, sub.take()), "other@[0 3 1 0]", "3@[0 4 1 0]", "4@[0 5 1 0]")
		if want := "id: " + id(0, 3, 0, 0) + "\n\n"; string(got.Opening) != want || got.Seq != 0 {
			t.Errorf("opening %q of %d, want %q", got.Opening, got.Seq, want)
		}
	})
}

// While a stream replays, the edge's own cut could name less than the client has had from another edge.
func TestReplayedIDsAreNeverBehindTheClients(t *testing.T) {
	e := caughtUp(t, limits())
	user := uuid.New()
	ingest(t, e, record(t, 0, 0, "a", user), record(t, 1, 0, "b", user), record(t, 0, 1, "c", user), record(t, 1, 1, "d", user))
	got := attach(t, e, user, id(0, 2, 0, 0), newClient())
	same(t, "replay", got.Backlog, "a@[1 2 0 0]", "c@[2 2 0 0]")
}

func TestSlowStreamIsForgottenAndResumes(t *testing.T) {
	e := caughtUp(t, limits())
	user := uuid.New()
	slow, quick := newClient(), newClient()
	slow.capacity = 2
	attach(t, e, user, "", slow)
	attach(t, e, user, "", quick)
	for offset := range int64(5) {
		ingest(t, e, record(t, 3, offset, fmt.Sprint(offset), user))
	}
	if got := quick.take(); len(got) != 5 {
		t.Errorf("the other stream got %d events", len(got))
	}
	same(t, "the slow stream", slow.take(), "0@[0 0 0 1]", "1@[0 0 0 2]")
	again := attach(t, e, user, id(0, 0, 0, 2), newClient())
	same(t, "it resumes with", again.Backlog, "2@[0 0 0 3]", "3@[0 0 0 4]", "4@[0 0 0 5]")
}

// An event of a type that this build does not know is another's, and so is another topic.
func TestRecordsThatAreNotForStreamsArePassedOver(t *testing.T) {
	e := caughtUp(t, limits())
	user := uuid.New()
	sub := newClient()
	attach(t, e, user, "", sub)
	foreign := record(t, 1, 0, "x", user)
	foreign.Headers["ce_type"] = "ism.something.else.v1"
	delete(foreign.Headers, events.HeaderPayload)
	elsewhere := record(t, partitions+3, 2, "x", user)
	other := record(t, 1, 2, "x", user)
	other.Topic = "ism.else"
	unseen := recordOf(t, 1, 3, uuid.New(), events.RoomRead{
		RoomID: uuid.New(), UserID: user, ReadAt: wire.At(time.Now()), Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
	})
	ingest(t, e, foreign, elsewhere)
	ingest(t, e, other)
	ingest(t, e, unseen, record(t, 1, 4, "seen", user))
	same(t, "the stream", sub.take(), "seen@[0 5 0 0]")
	same(t, "a stream that resumes", attach(t, e, user, id(0, 0, 0, 0), newClient()).Backlog, "seen@[0 5 0 0]")
}

// Records of builds that wrote no envelope are decoded, and seen alike.
func TestRecordsWithoutEnvelopeAreDelivered(t *testing.T) {
	e := caughtUp(t, limits())
	user := uuid.New()
	sub := newClient()
	attach(t, e, user, "", sub)
	with := record(t, 1, 0, "a", user)
	without := with
	without.Offset, without.Headers = 1, map[string]string{}
	for name, text := range with.Headers {
		without.Headers[name] = text
	}
	delete(without.Headers, events.HeaderPayload)
	without.Headers[events.HeaderID] = uuid.NewString()
	ingest(t, e, with, without)
	got := sub.take()
	if len(got) != 2 || string(got[0].Event.Data) != string(got[1].Event.Data) {
		t.Errorf("got %+v", got)
	}
}

func TestMembersOfASingleRoomSeeItEachTheirWay(t *testing.T) {
	e := caughtUp(t, limits())
	alice, bob := uuid.New(), uuid.New()
	atAlice, atBob := newClient(), newClient()
	attach(t, e, alice, "", atAlice)
	attach(t, e, bob, "", atBob)
	room := uuid.New()
	created := events.RoomCreated{
		RoomID: room, CreatedBy: alice, Room: wire.Room{ID: room, Type: wire.Single},
		Members:  []wire.Member{{ID: alice, DisplayName: "Alice", Status: wire.Joined}, {ID: bob, DisplayName: "Bob", Status: wire.Joined}},
		Audience: events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1},
	}
	ingest(t, e, recordOf(t, 2, 0, uuid.New(), created))
	for _, c := range []struct {
		sub   *client
		other string
	}{{atAlice, "Bob"}, {atBob, "Alice"}} {
		got := c.sub.take()
		if len(got) != 1 || !strings.Contains(string(got[0].Event.Data), c.other) || idOf(t, got[0].ID) != id(0, 0, 1, 0) {
			t.Errorf("got %+v", got)
		}
	}
	again := attach(t, e, alice, id(0, 0, 0, 0), newClient())
	if len(again.Backlog) != 1 || !strings.Contains(string(again.Backlog[0].Event.Data), "Bob") {
		t.Errorf("resumed with %+v", again.Backlog)
	}
}

// Whoever has just left gets nothing of what a sender wrote who had not yet heard of it; whoever has just joined misses nothing.
func TestTheNewestMembershipDecides(t *testing.T) {
	e := starting(t, limits(), telemetry.Discard(nil))
	room, stays, leaves, joins := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	// What changed before this edge started is read back.
	ingest(t, e, recordOf(t, 1, 0, uuid.New(), posted(room, "changed", 5, stays, joins)))
	e.CaughtUp()
	subs := map[uuid.UUID]*client{stays: newClient(), leaves: newClient(), joins: newClient()}
	for user, sub := range subs {
		attach(t, e, user, "", sub)
	}
	ingest(t, e,
		recordOf(t, 1, 1, uuid.New(), posted(room, "stale", 4, stays, leaves)),
		recordOf(t, 1, 2, uuid.New(), posted(room, "current", 5, stays, joins)),
		recordOf(t, 1, 3, uuid.New(), posted(room, "newer", 6, stays)),
		recordOf(t, 1, 4, uuid.New(), posted(room, "stale again", 5, stays, joins)))
	same(t, "who stays", subs[stays].take(), "stale@[0 2 0 0]", "current@[0 3 0 0]", "newer@[0 4 0 0]", "stale again@[0 5 0 0]")
	same(t, "who has left", subs[leaves].take())
	same(t, "who has joined, until version 6", subs[joins].take(), "stale@[0 2 0 0]", "current@[0 3 0 0]")
}

func TestEventWrittenTwiceIsDeliveredOnce(t *testing.T) {
	e := caughtUp(t, limits())
	user := uuid.New()
	sub := newClient()
	attach(t, e, user, "", sub)
	first, second := uuid.New(), uuid.New()
	room := uuid.New()
	a, b := posted(room, "a", 1, user), posted(room, "b", 1, user)
	ingest(t, e,
		recordOf(t, 1, 0, first, a), recordOf(t, 1, 1, second, b), recordOf(t, 1, 2, first, a), recordOf(t, 1, 3, second, b),
		recordOf(t, 1, 3, uuid.New(), posted(room, "read again", 1, user)), record(t, 1, 4, "c", user))
	want := []string{"a@[0 1 0 0]", "b@[0 2 0 0]", "c@[0 5 0 0]"}
	same(t, "live", sub.take(), want...)
	same(t, "resumed", attach(t, e, user, id(0, 0, 0, 0), newClient()).Backlog, want...)
}

func TestOldEventsFallOutOfAQuietEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(t, limits())
		ingest(t, e, record(t, 1, 0, "x", uuid.New()))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var running sync.WaitGroup
		running.Go(func() { _ = e.Run(ctx) })
		time.Sleep(6 * time.Minute)
		e.mu.Lock()
		if n := e.ring.Len(); n != 0 {
			t.Errorf("%d events are kept", n)
		}
		e.mu.Unlock()
		stop()
		running.Wait()
	})
}

// A user's streams and entries come and go: what is remembered of a user must go with them.
func TestUsersWithoutStreamsAndEventsAreForgotten(t *testing.T) {
	cfg := limits()
	cfg.Records = 10
	e := caughtUp(t, cfg)
	for offset := range int64(1000) {
		user, sub := uuid.New(), newClient()
		attach(t, e, user, "", sub)
		ingest(t, e, record(t, 1, offset, "x", user))
		e.Detach(user, sub)
		e.Detach(uuid.New(), sub)
	}
	if n := e.ring.Users(); n != 10 {
		t.Errorf("%d users are remembered", n)
	}
}

func TestTheFirstStreamAndTheLastAreToldOf(t *testing.T) {
	cfg := limits()
	var told []string
	alice, bob := uuid.New(), uuid.New()
	cfg.Changed = func(user uuid.UUID, online bool) {
		told = append(told, fmt.Sprint(map[uuid.UUID]string{alice: "alice", bob: "bob"}[user], " ", online))
	}
	e := caughtUp(t, cfg)
	first, second, slow := newClient(), newClient(), newClient()
	slow.capacity = 0
	attach(t, e, alice, "", first)
	attach(t, e, alice, "", second)
	attach(t, e, bob, "", slow)
	e.Detach(alice, first)
	e.Detach(alice, first)
	ingest(t, e, record(t, 1, 0, "x", alice, bob))
	e.Detach(bob, slow)
	e.Detach(alice, second)
	e.Detach(alice, second)
	if want := []string{"alice true", "bob true", "bob false", "alice false"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func BenchmarkIngestForTen(b *testing.B) {
	e := caughtUp(b, Config{Limits: limits().Limits, Audiences: 1 << 20})
	users := make([]uuid.UUID, 1000)
	for i := range users {
		users[i] = uuid.New()
	}
	var batch []bus.Record
	for i := range 200 {
		batch = append(batch, record(b, 1, 0, strings.Repeat("x", 100), users[i*5:min(i*5+10, len(users))]...))
	}
	b.ReportAllocs()
	offset := int64(0)
	for b.Loop() {
		now := time.Now().UTC().Format(time.RFC3339Nano)
		for i := range batch {
			batch[i].Offset = offset
			batch[i].Headers["ce_time"] = now // or all would be late once the first are forgotten
			batch[i].Headers[events.HeaderID] = fmt.Sprintf("0192d3a0-0000-7000-8000-%012x", offset)
			offset++
		}
		if err := e.Ingest(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(offset)/b.Elapsed().Seconds(), "records/s")
}
