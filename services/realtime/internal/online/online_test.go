package online

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// log is what a reader knows who is online.
type log struct {
	t *testing.T

	mu       sync.Mutex
	down     bool
	requests int
	records  int
	online   map[uuid.UUID]bool
	until    time.Time
}

func (l *log) ProduceAll(_ context.Context, records []bus.Record) ([]bus.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, bus.ErrUnavailable
	}
	l.requests++
	if l.requests < 10 { // it takes its time
		eventstest.Conforms(l.t, records[0].Headers, records[0].Value)
	}
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			l.t.Error(err)
			continue
		}
		switch data := event.Data.(type) {
		case events.PresenceChanged:
			l.records++
			l.online[data.UserID] = data.Online
		case events.EdgeAlive:
			l.until = data.Until.Time
		}
	}
	return make([]bus.Receipt, len(records)), nil
}

func (l *log) set(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

func (l *log) says(user uuid.UUID) (online, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	online, known = l.online[user]
	return online, known
}

// run runs an announcer; the function that it returns stops it.
func run(t *testing.T) (a *Announcer, l *log, stop func()) {
	t.Helper()
	l = &log{t: t, online: map[uuid.UUID]bool{}}
	a = New(telemetry.Discard(nil))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(ctx, l) })
	return a, l, func() { cancel(); running.Wait() }
}

func TestTheFirstStreamAndTheLastAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l, stop := run(t)
		defer stop()
		user := uuid.New()
		a.Changed(user, true)
		time.Sleep(time.Second)
		if online, _ := l.says(user); !online {
			t.Error("a user with a stream is not online after a second")
		}
		a.Changed(user, false)
		time.Sleep(Grace - time.Second)
		if online, _ := l.says(user); !online {
			t.Error("a user was given up at once")
		}
		time.Sleep(2 * time.Second)
		if online, _ := l.says(user); online {
			t.Error("a user without a stream is online")
		}
		if len(a.users) != 0 || len(a.dirty) != 0 || a.left != 0 || l.records != 2 {
			t.Errorf("%d users, %d changes are remembered; %d records", len(a.users), len(a.dirty), l.records)
		}
	})
}

func TestWhoComesBackSoonIsNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l, stop := run(t)
		defer stop()
		user := uuid.New()
		a.Changed(user, true)
		time.Sleep(time.Second)
		for range 100 {
			a.Changed(user, false)
			time.Sleep(Grace - 2*time.Second)
			a.Changed(user, true)
			time.Sleep(time.Second)
		}
		brief := uuid.New()
		a.Changed(brief, true)
		a.Changed(brief, false)
		time.Sleep(time.Minute)
		if _, known := l.says(brief); known || l.records != 1 {
			t.Errorf("%d records", l.records)
		}
	})
}

func TestAStormIsToldInFewRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l, stop := run(t)
		defer stop()
		time.Sleep(time.Second)
		before := l.requests
		for range 15_000 {
			a.Changed(uuid.New(), true)
		}
		time.Sleep(2 * time.Second)
		if l.records != 15_000 || l.requests-before > 31 {
			t.Errorf("%d records in %d requests", l.records, l.requests-before)
		}
	})
}

func TestAnEdgeIsAliveUntilItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, stop := run(t)
		for range 20 {
			time.Sleep(7 * time.Second)
			if left := time.Until(l.until); left < Lifetime/2 || left > Lifetime {
				t.Errorf("it is alive for %v", left)
			}
		}
		stop()
		if l.until.After(time.Now()) {
			t.Error("it is alive after its end")
		}
	})
}

func TestAfterAnOutageTheNewestStateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l, stop := run(t)
		defer stop()
		stays, goes, comes := uuid.New(), uuid.New(), uuid.New()
		a.Changed(stays, true)
		a.Changed(goes, true)
		time.Sleep(time.Second)
		l.set(true)
		for range 50 {
			a.Changed(stays, false)
			a.Changed(stays, true)
		}
		a.Changed(goes, false)
		a.Changed(comes, true)
		time.Sleep(time.Hour)
		l.set(false)
		time.Sleep(time.Second)
		for user, want := range map[uuid.UUID]bool{stays: true, goes: false, comes: true} {
			if online, _ := l.says(user); online != want {
				t.Errorf("online %v, want %v", online, want)
			}
		}
		if l.records != 4 {
			t.Errorf("%d records", l.records)
		}
	})
}

func TestMemoryForThoseWhoHaveGoneIsBounded(t *testing.T) {
	a := New(telemetry.Discard(nil))
	for range maxLeft + 1000 {
		user := uuid.New()
		a.Changed(user, true)
		a.settle([]events.PresenceChanged{{UserID: user, EdgeID: a.edge, Online: true}})
		delete(a.dirty, user)
		a.Changed(user, false)
	}
	if len(a.users) != maxLeft || len(a.dirty) != maxLeft || a.left != maxLeft {
		t.Errorf("%d users, %d changes, %d gone", len(a.users), len(a.dirty), a.left)
	}
}

// Whatever changes while records are being written, in the end the log says what is so.
func TestInTheEndTheLogIsRight(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			a, l, stop := run(t)
			defer stop()
			users := make([]uuid.UUID, 20)
			now := map[uuid.UUID]bool{}
			for i := range users {
				users[i] = uuid.New()
			}
			for range 400 {
				user := users[random.IntN(len(users))]
				now[user] = random.IntN(2) == 0
				a.Changed(user, now[user])
				l.set(random.IntN(5) == 0)
				time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			l.set(false)
			time.Sleep(time.Minute)
			count := 0
			for _, user := range users {
				if online, _ := l.says(user); online != now[user] {
					t.Errorf("the log says %v, want %v", online, now[user])
				}
				if now[user] {
					count++
				}
			}
			if len(a.users) != count || len(a.dirty) != 0 || a.left != 0 {
				t.Errorf("%d users (%d online), %d changes, %d gone", len(a.users), count, len(a.dirty), a.left)
			}
		})
	}
}
