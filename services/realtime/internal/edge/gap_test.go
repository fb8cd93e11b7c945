package edge

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// broken is a record that nobody can read.
func broken(partition int32, offset int64, key, value string) bus.Record {
	return bus.Record{
		Topic: events.TopicRooms, Partition: partition, Offset: offset, Key: key, Value: []byte(value), Time: time.Now(),
		Headers: map[string]string{events.HeaderType: "ism.message.posted.v1"},
	}
}

// watcher is a user with an open stream.
type watcher struct {
	*client
	user uuid.UUID
}

// watch opens a stream of a user of its own.
func watch(t *testing.T, e *Edge) watcher {
	t.Helper()
	w := watcher{client: newClient(), user: uuid.New()}
	attach(t, e, w.user, "", w.client)
	return w
}

// resumes attaches another stream of the user behind an id.
func (w watcher) resumes(t *testing.T, e *Edge, lastEventID string) stream.Attachment {
	t.Helper()
	return attach(t, e, w.user, lastEventID, newClient())
}

// startedBehind is an edge that was started when the records were in the logs, and has read them from the cut on.
func startedBehind(t *testing.T, from cut.Cut, records ...bus.Record) *Edge {
	t.Helper()
	e := starting(t, limits(), telemetry.Discard(nil), from...)
	ingest(t, e, records...)
	e.CaughtUp()
	return e
}

// anew checks that a stream begins with a Resync event for the reason, at the cut.
func anew(t *testing.T, what string, got stream.Attachment, reason string, at ...int64) {
	t.Helper()
	line, opening, _ := strings.Cut(string(got.Opening), "\n")
	begins, err := cut.Of(0, rooms()).Parse(idOf(t, []byte(line+"\n")))
	if err != nil || opening == "\n" || reasonOf(t, []byte(opening)) != reason || !slices.Equal(offsets(begins), at) || len(got.Backlog) != 0 {
		t.Errorf("%s begins with %q at %v, want %s", what, got.Opening, begins, reason)
	}
}

func TestARecordThatCannotBeReadIsAnnouncedToItsAudience(t *testing.T) {
	e := caughtUp(t, limits())
	alice, bob := watch(t, e), watch(t, e)
	records := []bus.Record{
		record(t, 1, 0, "a", alice.user, bob.user),
		broken(1, 1, uuid.NewString(), `{"membershipVersion":7,"audience":["`+alice.user.String()+`"],"message":3}`),
		record(t, 1, 2, "b", alice.user, bob.user),
	}
	ingest(t, e, records...)
	ingest(t, e, records[1]) // read again
	want := []string{"a@[0 1 0 0]", "(unreadable-event)@[0 2 0 0]", "b@[0 3 0 0]"}
	same(t, "alice", alice.take(), want...)
	same(t, "bob", bob.take(), "a@[0 1 0 0]", "b@[0 3 0 0]")
	same(t, "alice, who resumes", alice.resumes(t, e, id(0, 0, 0, 0)).Backlog, want...)
	same(t, "alice, who resumes behind it", alice.resumes(t, e, id(0, 2, 0, 0)).Backlog, "b@[0 3 0 0]")
	other := startedBehind(t, at(0, 0, 0, 0), records...)
	same(t, "alice, who resumes at another edge", alice.resumes(t, other, id(0, 0, 0, 0)).Backlog, want...)
	if told := testutil.ToFloat64(e.metrics.resyncs.WithLabelValues(reasonUnreadable)); told != 2 {
		t.Errorf("%v streams are counted", told)
	}
}

func TestARecordThatSaysNotForWhomIsAnnouncedToItsRoom(t *testing.T) {
	e := caughtUp(t, limits())
	room, stays, left, stranger := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	subs := map[uuid.UUID]*client{stays: newClient(), left: newClient(), stranger: newClient()}
	ingest(t, e, recordOf(t, 1, 0, uuid.New(), posted(room, "x", 4, stays, left)), recordOf(t, 1, 1, uuid.New(), posted(room, "y", 5, stays)))
	for user, sub := range subs {
		attach(t, e, user, "", sub)
	}
	ingest(t, e,
		broken(1, 2, room.String(), "{"),
		broken(1, 3, room.String(), `{"membershipVersion":4,"audience":["`+left.String()+`"]}`), // written by somebody who did not know yet
		recordOf(t, 1, 4, uuid.New(), posted(room, "z", 5, stays)))
	same(t, "who is in the room", subs[stays].take(), "(unreadable-event)@[0 3 0 0]", "(unreadable-event)@[0 4 0 0]", "z@[0 5 0 0]")
	same(t, "who has left", subs[left].take())
	same(t, "who was never in it", subs[stranger].take())
}

func TestARecordOfWhichNothingIsKnownIsAnnouncedToAll(t *testing.T) {
	e := caughtUp(t, limits())
	alice, bob := watch(t, e), watch(t, e)
	records := []bus.Record{
		record(t, 1, 0, "a", alice.user), broken(1, 1, "nobody's", "{"), broken(1, 2, uuid.NewString(), "{"), record(t, 1, 3, "b", alice.user), broken(1, 4, "", ""),
	}
	ingest(t, e, records...)
	// Those that stand together are announced once.
	same(t, "alice", alice.take(), "a@[0 1 0 0]", "(unreadable-event)@[0 3 0 0]", "b@[0 4 0 0]", "(unreadable-event)@[0 5 0 0]")
	same(t, "bob", bob.take(), "(unreadable-event)@[0 3 0 0]", "(unreadable-event)@[0 5 0 0]")
	if got := e.Position(); string(got.ID) != "id: "+id(0, 5, 0, 0)+"\n" {
		t.Errorf("the position is %q", got.ID)
	}
	other := startedBehind(t, at(0, 0, 0, 0), records...)
	for name, edge := range map[string]*Edge{"one edge": e, "another edge": other} {
		anew(t, "a stream that resumes at "+name, bob.resumes(t, edge, id(0, 4, 0, 0)), "unreadable-event", 0, 5, 0, 0)
		resumed := bob.resumes(t, edge, id(0, 5, 0, 0))
		same(t, "a stream that resumes behind it at "+name, resumed.Backlog)
		if want := "id: " + id(0, 5, 0, 0) + "\n\n"; string(resumed.Opening) != want {
			t.Errorf("the opening is %q", resumed.Opening)
		}
	}
}

// An event may be read and yet not be for streams: its time is beyond what JSON has.
func TestAnEventThatCannotBeEncodedIsAnnounced(t *testing.T) {
	e := caughtUp(t, limits())
	alice := watch(t, e)
	room := events.RoomCreated{
		RoomID: uuid.New(), CreatedBy: alice.user, Room: wire.Room{Type: wire.Group},
		Members:  []wire.Member{{ID: alice.user, DisplayName: "Alice", Status: wire.Joined}},
		Audience: events.Audience{Users: []uuid.UUID{alice.user}, Version: 1},
	}
	room.Room.ID = room.RoomID
	created := recordOf(t, 1, 0, uuid.New(), room)
	created.Headers["ce_time"] = "9999-12-31T23:59:59-01:00"
	ingest(t, e, created, record(t, 1, 1, "a", alice.user))
	want := []string{"(unreadable-event)@[0 1 0 0]", "a@[0 2 0 0]"}
	same(t, "alice", alice.take(), want...)
	same(t, "alice, who resumes", alice.resumes(t, e, id(0, 0, 0, 0)).Backlog, want...)
}

// A relay that lost its database before it could delete a row appends it again once it is back.
func TestAnEventThatComesAgainAfterAllIsForgottenIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(t, limits())
		alice, stranger := watch(t, e), watch(t, e)
		created := record(t, 1, 0, "created", alice.user)
		ingest(t, e, created)
		same(t, "at first", alice.take(), "created@[0 1 0 0]")
		time.Sleep(limits().Window + limits().Margin + time.Second)
		created.Offset, created.Time = 1, time.Now()
		again := created
		again.Offset = 2
		ingest(t, e, record(t, 2, 0, "x", uuid.New()), created, again, record(t, 1, 3, "after", alice.user))
		want := []string{"(late-event)@[0 2 1 0]", "after@[0 4 1 0]"}
		same(t, "later", alice.take(), want...)
		same(t, "whom it does not concern", stranger.take())
		same(t, "who resumes", alice.resumes(t, e, id(0, 1, 1, 0)).Backlog, want...)
	})
}

// What waited in the outbox while Kafka was away is delivered as if it had just happened: nothing that is younger has been forgotten.
func TestEventsThatWaitedForHoursAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(t, limits())
		alice := watch(t, e)
		ingest(t, e, record(t, 1, 0, "before", alice.user))
		time.Sleep(time.Second)
		waited := record(t, 1, 1, "waited", alice.user)
		time.Sleep(3 * time.Hour)
		waited.Time = time.Now()
		ingest(t, e, waited, record(t, 1, 2, "after", alice.user))
		same(t, "the stream", alice.take(), "before@[0 1 0 0]", "waited@[0 2 0 0]", "after@[0 3 0 0]")
	})
}

// An edge that begins cannot know what was in the logs before.
func TestEventsFromBeforeALogWasFirstSeenAreAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := watcher{client: newClient(), user: uuid.New()}
		old := record(t, 1, 7, "old", alice.user)
		time.Sleep(time.Hour)
		e := startingSince(t, limits(), telemetry.Discard(nil), time.Now(), at(0, 7, 0, 0)...)
		e.CaughtUp()
		attach(t, e, alice.user, "", alice.client)
		time.Sleep(time.Second)
		young := record(t, 1, 8, "young", alice.user)
		unseen := recordOf(t, 1, 9, uuid.New(), events.RoomRead{
			RoomID: uuid.New(), UserID: alice.user, ReadAt: wire.At(time.Now()), Audience: events.Audience{Users: []uuid.UUID{alice.user}, Version: 1},
		})
		unseen.Headers["ce_time"] = old.Headers["ce_time"]
		ingest(t, e, old, young, unseen)
		same(t, "the stream", alice.take(), "(late-event)@[0 8 0 0]", "young@[0 9 0 0]")
	})
}

// A starting edge reads a minute further back than its ring reaches. What it finds there is no trouble, and what was written within the ring is.
func TestWhatIsOlderThanTheRingAtTheStartIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := watcher{client: newClient(), user: uuid.New()}
		var old []bus.Record
		for offset := range int64(3) {
			old = append(old, record(t, 1, offset, "old", alice.user))
		}
		stuck := record(t, 1, 4, "stuck", alice.user)
		time.Sleep(limits().Window)
		since := time.Now().Add(-limits().Window)
		time.Sleep(time.Second) // until it reads
		var log servicetest.Log
		e := startingSince(t, limits(), telemetry.Discard(slog.New(slog.NewTextHandler(&log, nil))), since)
		ingest(t, e, record(t, 2, 0, "younger, and read before", alice.user))
		ingest(t, e, old...)
		e.evict(time.Now())
		if said := log.String(); said != "" {
			t.Errorf("of what is old it says %s", said)
		}
		anewBefore := func(offset int64) {
			anew(t, "who resumes before what is old", alice.resumes(t, e, id(0, offset, 1, 0)), reasonExpired, offsets(e.ring.Cut())...)
		}
		stuck.Time = time.Now()
		again := record(t, 1, 3, "young", alice.user)
		ingest(t, e, again, stuck)
		e.CaughtUp()
		anewBefore(0)
		anewBefore(2)
		same(t, "who resumes behind it", alice.resumes(t, e, id(0, 3, 1, 0)).Backlog, "young@[0 4 1 0]", "(late-event)@[0 5 1 0]")
		for outcome, want := range map[string]float64{"outdated": 3, "late": 1, "kept": 2} {
			if n := testutil.ToFloat64(e.metrics.records.WithLabelValues(outcome)); n != want {
				t.Errorf("%v records are %s, want %v", n, outcome, want)
			}
		}
	})
}

// An outbox that has waited for long, or a clock that is wrong, makes many events late.
func TestLateEventsAreLoggedInOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []bus.Record
		for offset := range int64(100) {
			late = append(late, record(t, 1, offset, "late", uuid.New()))
		}
		time.Sleep(time.Hour)
		var log servicetest.Log
		e := startingSince(t, limits(), telemetry.Discard(slog.New(slog.NewTextHandler(&log, nil))), time.Now())
		e.CaughtUp()
		for range 2 {
			for i := range late {
				late[i].Time = time.Now()
			}
			ingest(t, e, late...)
			e.evict(time.Now())
			e.evict(time.Now())
		}
		if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "events=100 topic=ism.rooms partition=1 offset=0") {
			t.Errorf("it says %s", said)
		}
		if n := testutil.ToFloat64(e.metrics.records.WithLabelValues("late")); n != 100 {
			t.Errorf("%v are counted", n)
		}
	})
}

func TestALogThatJumpsForwardIsAnnouncedToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(t, limits())
		alice, bob := watch(t, e), watch(t, e)
		ingest(t, e, record(t, 1, 0, "a", alice.user))
		e.Jumped([]bus.Jump{
			{Topic: events.TopicRooms, Partition: 1, From: 1, To: 10, LeaderEpoch: bus.NoLeaderEpoch},
			{Topic: events.TopicRooms, Partition: 2, From: 0, To: 3, LeaderEpoch: bus.NoLeaderEpoch},
			{Topic: events.TopicEdges, Partition: 0, From: 0, To: 7},
		})
		time.Sleep(time.Millisecond) // what happens now is behind the jump
		ingest(t, e, record(t, 1, 10, "b", alice.user))
		same(t, "alice", alice.take(), "a@[0 1 0 0]", "(log-jumped)@[0 10 3 0]", "b@[0 11 3 0]")
		same(t, "bob", bob.take(), "(log-jumped)@[0 10 3 0]")
		anew(t, "a stream from before", alice.resumes(t, e, id(0, 1, 0, 0)), "log-jumped", 0, 11, 3, 0)
		anew(t, "a stream from within", alice.resumes(t, e, id(0, 9, 3, 0)), "log-jumped", 0, 11, 3, 0)
		same(t, "a stream from behind", alice.resumes(t, e, id(0, 10, 3, 0)).Backlog, "b@[0 11 3 0]")
		// What other topics do is nothing to streams.
		e.Jumped([]bus.Jump{{Topic: events.TopicEdges, Partition: 0, From: 7, To: 0}})
		same(t, "bob", bob.take())
	})
}
