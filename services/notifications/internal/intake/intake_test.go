package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// log is an appender that takes a while for each record.
type log struct {
	refuse func(sent events.NotificationSent) error

	mu    sync.Mutex
	now   int // that are being appended
	most  int
	takes []events.Event
}

func (l *log) Append(_ context.Context, record bus.Record) (bus.Receipt, error) {
	event, err := events.Decode(record.Headers, record.Value)
	if err != nil {
		return bus.Receipt{}, err
	}
	l.mu.Lock()
	l.now++
	l.most = max(l.most, l.now)
	l.mu.Unlock()
	time.Sleep(time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
	if l.refuse != nil {
		if err := l.refuse(event.Data.(events.NotificationSent)); err != nil {
			return bus.Receipt{}, err
		}
	}
	l.takes = append(l.takes, event)
	return bus.Receipt{}, nil
}

// said is what the log has for a user.
func (l *log) said(user uuid.UUID) (all []string) {
	for _, event := range l.takes {
		if sent := event.Data.(events.NotificationSent); sent.UserID == user {
			all = append(all, string(sent.Message))
		}
	}
	return all
}

func asked(message string, users ...uuid.UUID) Asked {
	return Asked{Notification: Notification{Users: users, Message: []byte(message)}, IDs: Unnamed(), Taken: time.Now()}
}

func TestEachUserIsToldInTheOrderThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &log{}
		users := make([]uuid.UUID, 100)
		for i := range users {
			users[i] = uuid.New()
		}
		var all []Asked
		var want []string
		for n := range 20 {
			message := fmt.Sprintf(`{"n":%d}`, n)
			want = append(want, message)
			all = append(all, asked(message, users...))
		}
		told := New(log, nil, false).Tell(t.Context(), all...)
		if len(told) != 20 || len(log.takes) != 2000 {
			t.Fatalf("told are %d, the log has %d", len(told), len(log.takes))
		}
		for i, user := range users {
			if got := log.said(user); !slices.Equal(got, want) {
				t.Errorf("a user is told %v", got)
			}
			if one := told[7].Notifications[i]; told[7].Err != nil || one.UserID != user || one.ID == uuid.Nil {
				t.Errorf("told is %+v, %v", one, told[7].Err)
			}
		}
		if log.most > atOnce {
			t.Errorf("%d were appended at once", log.most)
		}
	})
}

func TestAllCallsTogetherAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &log{}
		in := New(log, nil, false)
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				users := make([]uuid.UUID, MaxUsers)
				for i := range users {
					users[i] = uuid.New()
				}
				if told := in.Tell(t.Context(), asked(`{}`, users...)); told[0].Err != nil {
					t.Error(told[0].Err)
				}
			})
		}
		calls.Wait()
		if log.most != mostAtOnce || len(log.takes) != 10*MaxUsers {
			t.Errorf("%d at once, %d in all", log.most, len(log.takes))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range mostAtOnce {
			in.turns <- struct{}{}
		}
		if told := in.Tell(ctx, asked(`{}`, alice)); !errors.Is(told[0].Err, bus.ErrUnavailable) {
			t.Errorf("without a turn: %v", told[0].Err)
		}
	})
}

// What was refused must not come behind what was asked for later.
func TestAfterAFailureNoMoreIsBegun(t *testing.T) {
	for name, cause := range map[string]error{"unavailable": bus.ErrUnavailable, "outcome unknown": bus.ErrOutcomeUnknown} {
		synctest.Test(t, func(t *testing.T) {
			log := &log{refuse: func(sent events.NotificationSent) error {
				if string(sent.Message) == `{"n":2}` {
					return fmt.Errorf("append: %w", cause)
				}
				return nil
			}}
			told := New(log, nil, false).Tell(t.Context(), asked(`{"n":1}`, alice), asked(`{"n":2}`, alice), asked(`{"n":3}`, alice))
			if told[0].Err != nil || !errors.Is(told[1].Err, cause) || !errors.Is(told[2].Err, bus.ErrUnavailable) || errors.Is(told[2].Err, bus.ErrOutcomeUnknown) {
				t.Errorf("%s: %+v", name, told)
			}
			if got := log.said(alice); !slices.Equal(got, []string{`{"n":1}`}) {
				t.Errorf("%s: the log has %v", name, got)
			}
		})
	}
	errs := []error{nil, errNotBegun, bus.ErrUnavailable, bus.ErrOutcomeUnknown}
	if got := worst(errs); !errors.Is(got, bus.ErrOutcomeUnknown) {
		t.Errorf("of all, %v is told", got)
	}
}

func TestANotificationExpiresAsLongAfterItWasTaken(t *testing.T) {
	log := &log{}
	one := asked(`{}`, alice)
	one.TTL, one.Taken = time.Minute, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	New(log, nil, false).Tell(t.Context(), one, asked(`{}`, bob))
	for _, event := range log.takes {
		sent := event.Data.(events.NotificationSent)
		if has := sent.ExpiresAt != nil; has != (sent.UserID == alice) || has && !sent.ExpiresAt.Equal(one.Taken.Add(time.Minute)) {
			t.Errorf("it expires at %v", sent.ExpiresAt)
		}
	}
}

// Ids must not change from build to build: a backend may send again what an older one has told.
func TestIDsFollowFromNames(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000)
	record := bus.Record{Topic: "t", Partition: 1, Offset: 2, Time: at, Value: []byte("v")}
	of := func(change func(*bus.Record)) IDs {
		other := record
		change(&other)
		return OfRecord(other)
	}
	ids := map[string]IDs{
		"key": OfKey(bob, "k"), "another key": OfKey(bob, "l"), "another backend": OfKey(alice, "k"),
		"hook": OfHook("shop", "1"), "another hook": OfHook("shop", "2"), "another cut": OfHook("shop1", ""),
		"event": OfEvent(Event{"shop", "1"}), "record": OfRecord(record),
		"another offset": of(func(r *bus.Record) { r.Offset++ }), "another partition": of(func(r *bus.Record) { r.Partition++ }),
		"another topic": of(func(r *bus.Record) { r.Topic = "u" }), "another time": of(func(r *bus.Record) { r.Time = at.Add(time.Millisecond) }),
		"another value": of(func(r *bus.Record) { r.Value = []byte("w") }),
	}
	seen := map[uuid.UUID]string{}
	for name, of := range ids {
		for _, user := range []uuid.UUID{alice, bob} {
			id := of(user)
			if id != of(user) || seen[id] != "" {
				t.Errorf("%s: %s, as %s", name, id, seen[id])
			}
			seen[id] = name
		}
	}
	for name, want := range map[string]string{
		"key": "69a2cb2d-961a-5816-96bf-2783abcb202d", "hook": "0d67ef7e-f67c-52ff-9002-4048e7028d16", "event": "1c2d502a-cf8c-5e93-9493-b2b3ce786705", "record": "1ebd918a-2212-5782-b68a-dd82e6fca90c",
	} {
		if got := ids[name](alice).String(); got != want {
			t.Errorf("%s: the id is %s, was %s", name, got, want)
		}
	}
	unnamed := Unnamed()
	if first, second := unnamed(alice), unnamed(alice); first == second {
		t.Errorf("what has no name has the id %s", first)
	}
}
