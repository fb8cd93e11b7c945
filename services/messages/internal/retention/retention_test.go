package retention_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/retention"
)

const day = retention.Day

// rooms is a store that knows retentions, and of every room where its messages begin.
type rooms struct {
	days   map[uuid.UUID]int
	begins map[time.Time]events.Position // by the time that is asked for
	asked  int
	err    error
}

func (r *rooms) Retention(_ context.Context, room uuid.UUID) (days int, set bool, err error) {
	r.asked++
	days, set = r.days[room]
	return days, set, r.err
}

func (r *rooms) Since(_ context.Context, _ uuid.UUID, at time.Time) (events.Position, bool, error) {
	r.asked++
	from, found := r.begins[at]
	return from, found, r.err
}

// clock is set by tests.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newRetention(t *testing.T, installation time.Duration, s *rooms) (*retention.Retention, *clock) {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	kept, err := retention.New(installation, s, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return kept, c
}

func TestARoomGoesByItsOwnRetention(t *testing.T) {
	own, forEver, other := uuid.New(), uuid.New(), uuid.New()
	s := &rooms{days: map[uuid.UUID]int{own: 7, forEver: 0}}
	kept, _ := newRetention(t, 30*day, s)
	for room, want := range map[uuid.UUID]time.Duration{own: 7 * day, forEver: 0, other: 30 * day} {
		if got, err := kept.Keep(t.Context(), room); err != nil || got != want {
			t.Errorf("the room keeps for %s, %v; want %s", got, err, want)
		}
	}
}

func TestARetentionIsAskedForNowAndThen(t *testing.T) {
	room := uuid.New()
	s := &rooms{days: map[uuid.UUID]int{}}
	kept, at := newRetention(t, 0, s)
	keeps := func(want time.Duration, asked int) {
		t.Helper()
		if got, err := kept.Keep(t.Context(), room); err != nil || got != want || s.asked != asked {
			t.Errorf("the room keeps for %s, %v, after %d questions; want %s after %d", got, err, s.asked, want, asked)
		}
	}
	keeps(0, 1)
	s.days[room] = 7
	at.at = at.at.Add(4 * time.Minute)
	keeps(0, 1)
	at.at = at.at.Add(time.Minute)
	keeps(7*day, 2)
	s.days[room] = 9
	kept.Forget(room)
	keeps(9*day, 3)
	s.err = errors.New("away")
	keeps(9*day, 3)
	kept.Forget(room)
	if _, err := kept.Keep(t.Context(), room); !errors.Is(err, s.err) {
		t.Errorf("the error is %v", err)
	}
}

// A send is not held up by a store that is away: then it goes by what was known last.
func TestHowLongAMessageWillBeKeptIsForeseen(t *testing.T) {
	known, unknown := uuid.New(), uuid.New()
	s := &rooms{days: map[uuid.UUID]int{known: 7, unknown: 9}}
	kept, at := newRetention(t, 30*day, s)
	foresees := func(room uuid.UUID, want time.Duration) {
		t.Helper()
		if got := kept.Foreseen(t.Context(), room); got != want {
			t.Errorf("it is kept for %s, want %s", got, want)
		}
	}
	foresees(known, 7*day)
	s.err, at.at = errors.New("away"), at.at.Add(time.Hour)
	foresees(known, 7*day)
	foresees(unknown, 30*day)
	s.err = nil
	foresees(unknown, 9*day)
}

func TestAStoreThatHangsHoldsNoSendUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, err := retention.New(30*day, hanging{}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if got := kept.Foreseen(t.Context(), uuid.New()); got != 30*day || time.Since(began) > 200*time.Millisecond {
			t.Errorf("it is kept for %s, after %s", got, time.Since(began))
		}
	})
}

// hanging is a store that answers nothing.
type hanging struct{}

func (hanging) Retention(ctx context.Context, _ uuid.UUID) (days int, set bool, err error) {
	<-ctx.Done()
	return 0, false, ctx.Err()
}

func (hanging) Since(ctx context.Context, _ uuid.UUID, _ time.Time) (events.Position, bool, error) {
	<-ctx.Done()
	return events.Position{}, false, ctx.Err()
}

func TestWhenAMessageGoes(t *testing.T) {
	kept, at := newRetention(t, 30*day, &rooms{})
	message := func(kind wire.MessageType, age time.Duration) wire.Message {
		return wire.Message{RoomID: uuid.New(), Type: kind, CreatedAt: wire.At(at.at.Add(-age))}
	}
	for _, c := range []struct {
		message wire.Message
		left    time.Duration // 0: it never goes
		over    bool
	}{
		{message(wire.Text, 0), 30 * day, false},
		{message(wire.Media, 30*day-time.Microsecond), time.Microsecond, false},
		{message(wire.Text, 30*day), -1, true},
		{message(wire.RoomChange, day), 0, false},
		{message(wire.RoomChange, 31*day), 0, true}, // it stays, and is not shown
	} {
		expires, err := kept.Expires(t.Context(), c.message)
		if err != nil || expires.IsZero() != (c.left == 0) || c.left > 0 && !expires.Equal(at.at.Add(c.left)) || c.left < 0 && expires.After(at.at) {
			t.Errorf("%+v expires at %s, %v", c.message, expires, err)
		}
		if over, err := kept.Over(t.Context(), c.message); err != nil || over != c.over {
			t.Errorf("%+v is over: %t, %v", c.message, over, err)
		}
	}
}

func TestWhereARoomBegins(t *testing.T) {
	room, forEver := uuid.New(), uuid.New()
	s := &rooms{days: map[uuid.UUID]int{forEver: 0}, begins: map[time.Time]events.Position{}}
	kept, at := newRetention(t, 30*day, s)
	unstored, sure := events.Position{Epoch: 1, Offset: 900}, true
	begins := func(room uuid.UUID, want events.Position) {
		t.Helper()
		got, err := kept.From(t.Context(), room, func() (events.Position, bool, error) { return unstored, sure, nil })
		if err != nil || got != want {
			t.Errorf("the room begins at %v, %v; want %v", got, err, want)
		}
	}
	begins(forEver, events.Position{})
	first := events.Position{Epoch: 1, Offset: 7}
	s.begins[at.at.Add(-30*day)] = first
	begins(room, first)
	asked := s.asked
	at.at = at.at.Add(59 * time.Second)
	begins(room, first)
	if s.asked != asked {
		t.Error("the store is asked again within a minute")
	}
	at.at = at.at.Add(time.Second)
	begins(room, unstored) // by then the store has nothing that may be shown
	kept.Forget(room)
	s.begins[at.at.Add(-30*day)] = events.Position{Epoch: 1, Offset: 901}
	begins(room, unstored) // the store lacks what comes before

	kept.Forget(room)
	unstored, sure = events.EndOfLog, false // in the first moment of a process
	begins(room, events.Position{Epoch: 1, Offset: 901})
	unstored = events.Position{Epoch: 1, Offset: 890}
	begins(room, unstored) // which was not remembered
	s.days[room] = 60
	s.begins[at.at.Add(-60*day)] = events.Position{Offset: 3}
	kept.Forget(room)
	begins(room, events.Position{Offset: 3})
}
