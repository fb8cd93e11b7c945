package peers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
)

// What only some edges had read is lost: the others would take the next claim for the first.
func TestATicketOpensNoSecondStreamWhereItsClaimIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 2)
		ticket := issue(t, l, 0, someone())
		l.read.Wait()
		l.deaf[1] = true
		if _, err := l.edges[0].Redeem(t.Context(), ticket); err != nil {
			t.Fatalf("the first: %v", err)
		}
		l.read.Wait()
		l.deaf[1], l.leader = false, 1 // the claim is lost, and another broker leads
		l.edges[0].Jumped(true)
		for edge := range l.edges {
			if _, err := l.edges[edge].Redeem(t.Context(), ticket); !errors.Is(err, ErrNoTicket) {
				t.Errorf("once more at edge %d: %v", edge, err)
			}
		}
		fresh := issue(t, l, 0, someone())
		if _, err := l.edges[1].Redeem(t.Context(), fresh); err != nil {
			t.Errorf("a ticket of the new leader: %v", err)
		}
		l.read.Wait()
	})
}

// What was not read may have been a claim, or the end of a stream that is open here.
func TestBehindAJumpTicketsAreVoidAndStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, back := range []bool{false, true} {
			l := newLog(t, 1)
			shown, kept := issue(t, l, 0, someone()), issue(t, l, 0, someone())
			l.read.Wait()
			l.deaf[0] = true
			var waiting sync.WaitGroup
			begun := time.Now()
			waiting.Go(func() {
				if _, err := l.edges[0].Redeem(t.Context(), shown); !errors.Is(err, ErrNoTicket) {
					t.Errorf("a claim that waits: %v", err)
				}
			})
			synctest.Wait()
			l.edges[0].Jumped(back)
			waiting.Wait()
			if took := time.Since(begun); took != 0 { // of the test's own clock
				t.Errorf("it has waited %v more", took)
			}
			if _, err := l.edges[0].Redeem(t.Context(), kept); !errors.Is(err, ErrNoTicket) {
				t.Errorf("another ticket: %v", err)
			}
			if users, all := l.streams[0].take(); all != 1 || len(users) != 0 {
				t.Errorf("all streams were ended %d times, and those of %v", all, users)
			}
			l.read.Wait()
		}
	})
}

// running runs an edge's part; the function that it returns stops it.
func running(t *testing.T, p *Peers) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = p.Run(ctx) })
	return func() { cancel(); work.Wait() }
}

// A backend that was told that a user's streams end is right, also where the log loses that before all edges have read it.
func TestAnEndThatTheLogHasLostIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 2)
		defer running(t, l.edges[0])()
		user := uuid.New()
		l.deaf[1] = true
		for range 2 {
			if err := l.edges[0].Disconnect(t.Context(), user); err != nil {
				t.Fatal(err)
			}
		}
		l.read.Wait()
		l.deaf[1] = false
		l.edges[0].Jumped(false) // nothing that this edge has told is lost
		time.Sleep(time.Minute)
		if users, _ := l.streams[1].take(); len(users) != 0 {
			t.Errorf("the other edge ended the streams of %v", users)
		}
		l.down.Store(true)
		l.edges[0].Jumped(true)
		time.Sleep(time.Minute)
		l.down.Store(false)
		time.Sleep(time.Minute)
		if users, _ := l.streams[1].take(); !slices.Equal(users, []uuid.UUID{user}) {
			t.Errorf("the other edge ended the streams of %v", users)
		}
		time.Sleep(2 * endLifetime)
		l.edges[0].Jumped(true)
		time.Sleep(time.Minute)
		if users, _ := l.streams[1].take(); len(users) != 0 {
			t.Errorf("long afterwards it ended the streams of %v", users)
		}
		l.read.Wait()
	})
}

// What this edge has not read it would not miss: the caller is told, and tells it again.
func TestAnEndThatIsNotReadHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 2)
		defer running(t, l.edges[0])()
		l.deaf[0] = true
		if err := l.edges[0].Disconnect(t.Context(), uuid.New()); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("it was not read: %v", err)
		}
		l.read.Wait()
		l.streams[1].take()
		l.edges[0].Jumped(true)
		time.Sleep(time.Minute)
		if users, _ := l.streams[1].take(); len(users) != 0 {
			t.Errorf("an end that has failed is told again: %v", users)
		}
		l.read.Wait()
	})
}

func TestMemoryForEndsIsBounded(t *testing.T) {
	p := newLog(t, 1).edges[0]
	for range maxEnds + 100 {
		p.remember(&end{event: uuid.New(), at: time.Now(), read: true})
	}
	if len(p.ends) != maxEnds {
		t.Errorf("%d ends are remembered", len(p.ends))
	}
	for i := range maxEnds / 2 {
		p.ends[i].at = time.Now().Add(-2 * endLifetime)
	}
	p.remember(&end{event: uuid.New(), at: time.Now()})
	if len(p.ends) != maxEnds/2+1 {
		t.Errorf("%d ends are remembered, half of which were too old", len(p.ends))
	}
}
