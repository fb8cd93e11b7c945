package edge

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
)

// by is a record of partition 1 that the leader of an epoch has written.
func by(t *testing.T, leaderEpoch int32, offset int64, text string, to ...uuid.UUID) bus.Record {
	t.Helper()
	r := record(t, 1, offset, text, to...)
	r.LeaderEpoch = leaderEpoch
	return r
}

// in1 is the id of a point of partition 1, with nothing in the others.
func in1(offset int64, leaderEpoch int32) string {
	c := at(0, 0, 0, 0)
	c[1] = cut.Point{Offset: offset, LeaderEpoch: leaderEpoch}
	return idAt(c)
}

// A log that has become shorter uses offsets again: nothing of it may be taken for a repeat, no id for one of the other.
func TestALogThatBecomesShorterIsAnnouncedToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := caughtUp(t, limits())
		alice := watch(t, e)
		lost := by(t, 3, 1, "lost", alice.user)
		ingest(t, e, by(t, 3, 0, "a", alice.user), lost, by(t, 3, 2, "lost, too", alice.user))
		alice.take()
		e.Jumped([]bus.Jump{{Topic: events.TopicRooms, Partition: 1, From: 3, To: 1, LeaderEpoch: 3, LeaderNow: 4}})
		fresh := e.Position().Text()
		time.Sleep(time.Millisecond)         // what happens now is behind the jump
		lost.Offset, lost.LeaderEpoch = 1, 4 // its producer has not heard of its success
		ingest(t, e, lost, by(t, 4, 2, "b", alice.user), by(t, 4, 3, "c", alice.user), by(t, 4, 4, "d", alice.user))
		want := []string{"(log-jumped)@[0 1 0 0]", "b@[0 3 0 0]", "c@[0 4 0 0]", "d@[0 5 0 0]"}
		same(t, "the stream", alice.take(), want...)
		for _, id := range []string{in1(0, cut.Unknown), in1(2, 3), in1(3, 3), in1(1, cut.Unknown)} {
			anew(t, "a stream from before", alice.resumes(t, e, id), "log-jumped", 0, 5, 0, 0)
		}
		same(t, "a stream from after", alice.resumes(t, e, fresh).Backlog, want[1:]...)
		same(t, "a stream that has nothing of what was lost", alice.resumes(t, e, in1(1, 3)).Backlog, want[1:]...)
		if got := e.Reached()[1]; got.Next != 5 {
			t.Errorf("the edge says that it is at %+v", got)
		}
	})
}

// An edge that was started since, and one that had read nothing of what was lost, resumed ids from before as if nothing had happened.
func TestIDsOfWhatALogHasLostAreKnownAtEveryEdge(t *testing.T) {
	alice := uuid.New()
	before := []bus.Record{by(t, 3, 0, "a", alice), by(t, 3, 1, "b", alice)}
	after := []bus.Record{by(t, 4, 2, "c", alice), by(t, 4, 3, "d", alice), by(t, 5, 4, "e", alice), by(t, 5, 5, "f", alice)}
	started := starting(t, limits(), telemetry.Discard(nil))
	ingest(t, started, append(before, after...)...)
	started.CaughtUp()
	behind := caughtUp(t, limits())
	ingest(t, behind, before...)
	ingest(t, behind, after...)
	from := at(0, 2, 0, 0)
	from[1].LeaderEpoch = 3
	young := starting(t, limits(), telemetry.Discard(nil), from...) // its window begins with what is new
	ingest(t, young, after...)
	young.CaughtUp()
	for name, e := range map[string]*Edge{"started since": started, "behind": behind, "with a short window": young} {
		for offset := int64(3); offset <= 6; offset++ {
			anew(t, name+": a stream from before", attach(t, e, alice, in1(offset, 3), newClient()), "log-jumped", 0, 6, 0, 0)
		}
		same(t, name+": at the loss", attach(t, e, alice, in1(2, 3), newClient()).Backlog, "c@[0 3 0 0]", "d@[0 4 0 0]", "e@[0 5 0 0]", "f@[0 6 0 0]")
		same(t, name+": behind it", attach(t, e, alice, in1(4, 4), newClient()).Backlog, "e@[0 5 0 0]", "f@[0 6 0 0]")
		same(t, name+": at the end", attach(t, e, alice, in1(6, 5), newClient()).Backlog)
	}
}

// The last record of a quiet partition is older than anything that a starting edge reads.
func TestIDsOfAQuietPartitionAreCheckedAtTheFloor(t *testing.T) {
	alice := uuid.New()
	quiet := func(leaderEpoch int32) *Edge {
		from := at(0, 6, 0, 0)
		from[1].LeaderEpoch = leaderEpoch
		e := starting(t, limits(), telemetry.Discard(nil), from...)
		e.CaughtUp()
		return e
	}
	e := quiet(4)
	anew(t, "a stream from before the loss", attach(t, e, alice, in1(6, 3), newClient()), "log-jumped", 0, 6, 0, 0)
	for what, resumed := range map[string]string{
		"from another edge":               string(attach(t, e, alice, in1(6, 4), newClient()).Opening),
		"of an edge that could not know":  string(attach(t, e, alice, in1(6, cut.Unknown), newClient()).Opening),
		"at an edge that could not know":  string(attach(t, quiet(cut.Unknown), alice, in1(6, 4), newClient()).Opening),
		"where brokers give no epochs":    string(attach(t, quiet(cut.Unknown), alice, in1(6, cut.Unknown), newClient()).Opening),
		"at an edge that was started now": string(attach(t, quiet(4), alice, e.Position().Text(), newClient()).Opening),
	} {
		if strings.Contains(resumed, "Resync") {
			t.Errorf("%s: the stream begins with %q", what, resumed)
		}
	}
}
