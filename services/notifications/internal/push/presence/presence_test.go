package presence

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

const lifetime = 30 * time.Second

type log struct {
	t   *testing.T
	who *Who
}

func (l log) tell(data events.Data) {
	l.t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", time.Now(), data))
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.who.Take(l.t.Context(), []bus.Record{{Headers: headers, Value: value}}); err != nil {
		l.t.Fatal(err)
	}
}

func (l log) alive(edge uuid.UUID) {
	l.t.Helper()
	l.tell(events.EdgeAlive{EdgeID: edge, Until: wire.At(time.Now().Add(lifetime))})
}

func (l log) online(user, edge uuid.UUID, online bool) {
	l.t.Helper()
	l.tell(events.PresenceChanged{UserID: user, EdgeID: edge, Online: online})
}

func (l log) want(what string, user uuid.UUID, at time.Time, want Sight) {
	l.t.Helper()
	if got := l.who.Seen(user, at); got != want {
		l.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

func play(t *testing.T, test func(l log, user, edge uuid.UUID)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(log{t, New(time.Now)}, uuid.New(), uuid.New()) })
}

func TestWhoHasNoStreamIsAway(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.want("nothing is known", user, time.Now(), Away)
		l.online(user, edge, true)
		l.want("an edge of which nothing is heard", user, time.Now().Add(time.Second), Away)
		l.alive(edge)
		l.want("now", user, time.Now().Add(time.Second), Perhaps)
		l.online(user, edge, false)
		l.want("it has gone", user, time.Now(), Away)
	})
}

func TestWhoIsOnlineForLongEnoughHasSeen(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.alive(edge)
		l.online(user, edge, true)
		time.Sleep(time.Second)
		at := time.Now()
		time.Sleep(9 * time.Second)
		l.alive(edge)
		l.want("its stream's end may not have been told", user, at, Perhaps)
		time.Sleep(2 * time.Second)
		l.want("it would have been told", user, at, Saw)
		l.want("what happens then", user, time.Now(), Perhaps)
	})
}

func TestWhoComesBackSees(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.alive(edge)
		at := time.Now()
		time.Sleep(time.Second)
		l.want("it is away", user, at, Away)
		l.online(user, edge, true)
		l.want("it has come back", user, at, Saw)
	})
}

func TestADeadEdgeTakesAllWithIt(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.alive(edge)
		l.online(user, edge, true)
		time.Sleep(time.Second)
		at := time.Now() // and here it dies
		time.Sleep(Late)
		l.want("it was not heard since", user, at, Perhaps)
		time.Sleep(lifetime)
		l.want("its time is over", user, at, Away)
		other := uuid.New()
		l.alive(other)
		l.online(user, other, true)
		l.want("it has come to another one", user, at, Saw)
	})
}

func TestAnEdgeThatStopsTakesAllWithIt(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.alive(edge)
		l.online(user, edge, true)
		l.tell(events.EdgeAlive{EdgeID: edge, Until: wire.At(time.Now())})
		l.want("at once", user, time.Now(), Away)
	})
}

func TestWhoIsAtTwoEdgesLeavesOne(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		other := uuid.New()
		l.alive(edge)
		l.alive(other)
		l.online(user, edge, true)
		l.online(user, other, true)
		time.Sleep(time.Second)
		l.online(user, edge, false)
		l.want("it is still at the other one", user, time.Now(), Perhaps)
		l.online(user, other, false)
		l.want("at none", user, time.Now(), Away)
	})
}

func TestWhatIsDeadIsForgotten(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.alive(edge)
		l.online(user, edge, true)
		time.Sleep(lifetime + 2*clearing)
		other := uuid.New()
		l.alive(other)
		if len(l.who.edges) != 2 {
			t.Error("something is forgotten before the log is read whole")
		}
		l.who.CaughtUp()
		l.alive(other)
		if len(l.who.users) != 0 || len(l.who.edges) != 1 {
			t.Errorf("%d users and %d edges are remembered", len(l.who.users), len(l.who.edges))
		}
	})
}

func TestWhatNobodyCanReadIsPassedOver(t *testing.T) {
	play(t, func(l log, user, edge uuid.UUID) {
		l.alive(edge)
		if err := l.who.Take(t.Context(), []bus.Record{{Value: []byte("x")}, {Headers: map[string]string{"ce_type": "ism.presence.changed.v1"}}}); err != nil {
			t.Error(err)
		}
		l.online(user, edge, true)
		l.want("what stands behind it", user, time.Now().Add(time.Second), Perhaps)
	})
}
