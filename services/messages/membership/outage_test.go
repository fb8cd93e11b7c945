package membership_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/membership"
)

// shaky answers for one room, refuses to, or does not answer at all.
type shaky struct {
	mu      sync.Mutex
	members events.Membership
	in      map[uuid.UUID]bool // of a large room
	down    bool
	hangs   bool
	slow    bool // to say how a user stands
	asked   int
}

func (s *shaky) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// times is how often it has been asked since this was called last.
func (s *shaky) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked
	s.asked = 0
	return n
}

func (s *shaky) ask(ctx context.Context) error {
	s.mu.Lock()
	s.asked++
	down, hangs := s.down, s.hangs
	s.mu.Unlock()
	switch {
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	case down:
		return errors.New("connection refused")
	}
	return nil
}

func (s *shaky) Membership(ctx context.Context, asked uuid.UUID) (events.Membership, error) {
	if err := s.ask(ctx); err != nil {
		return events.Membership{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked != s.members.RoomID {
		return events.Membership{}, membership.ErrRoomNotFound
	}
	return s.members, nil
}

func (s *shaky) User(context.Context, uuid.UUID) (events.UserAnswer, error) {
	return events.UserAnswer{}, membership.ErrUserNotFound
}

func (s *shaky) Standing(ctx context.Context, _, user uuid.UUID) (events.Standing, error) {
	if err := s.ask(ctx); err != nil {
		return events.Standing{}, err
	}
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	if slow {
		<-ctx.Done()
		return events.Standing{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.in[user] {
		return events.Standing{}, membership.ErrRoomNotFound
	}
	return events.Standing{RoomID: room, UserID: user, Version: s.members.Version, Status: wire.Joined}, nil
}

// inOutage runs a test of a cache whose room has been asked for on behalf of alice and bob before rooms went down, longer ago than that counts.
func inOutage(t *testing.T, members events.Membership, test func(t *testing.T, cache *membership.Cache, r *shaky)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &shaky{members: members, in: map[uuid.UUID]bool{alice: true, bob: true}}
		cache := newCache(t, r)
		cache.CaughtUp()
		for _, user := range []uuid.UUID{alice, bob} {
			mustBeIn(t, cache, user)
		}
		r.set(func() { r.down = true })
		time.Sleep(31 * time.Second)
		r.times()
		test(t, cache, r)
	})
}

// both are the memberships of a room that names its members, and of a large one.
func both(t *testing.T, test func(t *testing.T, members events.Membership)) {
	t.Run("named", func(t *testing.T) { test(t, members(7, alice, bob)) })
	t.Run("large", func(t *testing.T) { test(t, events.Membership{RoomID: room, Audience: events.WholeRoom(7)}) })
}

func cannotBeSaid(t *testing.T, when string, cache *membership.Cache, user uuid.UUID) {
	t.Helper()
	if m, err := cache.Of(t.Context(), room, user); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("%s: %+v, %v", when, m, err)
	}
	if s, err := cache.Standing(t.Context(), room, user); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("%s, to read: %+v, %v", when, s, err)
	}
}

// While rooms is down, members go on as long as the log is followed to its end, and nobody else does.
func TestMembersGoOnWhileRoomsIsDown(t *testing.T) {
	both(t, func(t *testing.T, members events.Membership) {
		inOutage(t, members, func(t *testing.T, cache *membership.Cache, r *shaky) {
			cannotBeSaid(t, "the log is not followed", cache, alice)
			cache.FollowedAsOf(time.Now().Add(-15 * time.Second))
			cannotBeSaid(t, "the log has not been followed for too long", cache, alice)
			cache.FollowedAsOf(time.Now().Add(-15*time.Second + 1))
			for _, user := range []uuid.UUID{alice, bob} {
				if m := mustBeIn(t, cache, user); m.Version != 7 || m.WholeRoom != members.WholeRoom {
					t.Errorf("the membership is %+v", m)
				}
				if s, err := cache.Standing(t.Context(), room, user); err != nil || s.Status != wire.Joined {
					t.Errorf("to read: %+v, %v", s, err)
				}
			}
			if m, err := cache.Room(t.Context(), room); err != nil || m.Version != 7 {
				t.Errorf("for the backend: %+v, %v", m, err)
			}
			cannotBeSaid(t, "a stranger", cache, uuid.New())
			if m, err := cache.Of(t.Context(), uuid.New(), alice); !errors.Is(err, membership.ErrUnavailable) {
				t.Errorf("another room: %+v, %v", m, err)
			}
			time.Sleep(time.Second)
			cannotBeSaid(t, "the log stands still", cache, alice)
		})
	})
}

// What the log says counts before all.
func TestChangesCountWhileRoomsIsDown(t *testing.T) {
	both(t, func(t *testing.T, members events.Membership) {
		audience := events.Audience{Users: []uuid.UUID{alice}, Version: 8}
		if members.WholeRoom {
			audience = events.WholeRoom(8)
		}
		for name, c := range map[string]struct {
			change func(t *testing.T, cache *membership.Cache)
			alice  bool // goes on
		}{
			"bob leaves": {func(t *testing.T, cache *membership.Cache) { follow(t, cache, change(bob, wire.Leave, audience)) }, true},
			"the room ends": {func(t *testing.T, cache *membership.Cache) {
				follow(t, cache, events.RoomEnded{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{}, Version: 8, WholeRoom: members.WholeRoom}})
			}, false},
			"the log jumps":      {func(_ *testing.T, cache *membership.Cache) { cache.Jumped(nil) }, false},
			"nobody can read it": {followUnreadable, false},
		} {
			t.Run(name, func(t *testing.T) {
				inOutage(t, members, func(t *testing.T, cache *membership.Cache, _ *shaky) {
					cache.FollowedAsOf(time.Now())
					mustBeIn(t, cache, bob)
					c.change(t, cache)
					cannotBeSaid(t, "who was a member", cache, bob)
					if !c.alice {
						cannotBeSaid(t, "the other one", cache, alice)
					} else if m := mustBeIn(t, cache, alice); m.Version != 8 {
						t.Errorf("the other one: %+v", m)
					}
				})
			})
		}
	})
}

// followUnreadable hands the cache a record of the room that a later build may have written.
func followUnreadable(t *testing.T, cache *membership.Cache) {
	t.Helper()
	unreadable := bus.Record{Key: room.String(), Headers: map[string]string{events.HeaderType: "ism.room.split.v1"}, Value: []byte(`{}`), Time: time.Now()}
	if err := cache.Follow(t.Context(), []bus.Record{unreadable}); err != nil {
		t.Error(err)
	}
}

// A record that nobody can read may be of a member who left a large room, too.
func TestAfterARecordThatNobodyCanReadMembersAreAskedForAgain(t *testing.T) {
	r := &shaky{members: events.Membership{RoomID: room, Audience: events.WholeRoom(7)}, in: map[uuid.UUID]bool{alice: true}}
	cache := newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice)
	followUnreadable(t, cache)
	r.set(func() { r.in[alice] = false })
	if _, err := cache.Room(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Of(t.Context(), room, alice); !errors.Is(err, membership.ErrRoomNotFound) {
		t.Errorf("she is remembered: %v", err)
	}
}

// Behind a jump, records of long ago may be read first. What they say is not relied on before the log has been followed to its end again.
func TestWhatIsReadBehindAJumpIsNotReliedOnAtOnce(t *testing.T) {
	inOutage(t, members(7, alice, bob), func(t *testing.T, cache *membership.Cache, _ *shaky) {
		cache.FollowedAsOf(time.Now())
		cache.Jumped(nil)
		followLate(t, cache, creation(room, alice, bob), time.Now().Add(-time.Minute))
		cannotBeSaid(t, "behind the jump", cache, alice)
		cache.FollowedAsOf(time.Now())
		mustBeIn(t, cache, alice)
	})
}

// Who uses a room at least once an hour goes on, however long it takes.
func TestWhatNobodyUsesForAnHourIsNotReliedOn(t *testing.T) {
	both(t, func(t *testing.T, members events.Membership) {
		inOutage(t, members, func(t *testing.T, cache *membership.Cache, _ *shaky) {
			for range 5 {
				time.Sleep(time.Hour - time.Minute)
				cache.FollowedAsOf(time.Now())
				mustBeIn(t, cache, alice)
			}
			time.Sleep(time.Hour)
			cache.FollowedAsOf(time.Now())
			cannotBeSaid(t, "after an hour", cache, alice)
		})
	})
}

// A rooms that does not answer is waited for once. Then it is asked once a second on behalf of those who can do without, until it answers.
func TestNobodyWaitsForARoomsThatDoesNotAnswer(t *testing.T) {
	inOutage(t, members(7, alice, bob), func(t *testing.T, cache *membership.Cache, r *shaky) {
		r.set(func() { r.hangs = true })
		cache.FollowedAsOf(time.Now())
		sends := func(times int, most time.Duration) {
			t.Helper()
			for range times {
				begin := time.Now()
				mustBeIn(t, cache, alice)
				if took := time.Since(begin); took > most {
					t.Errorf("it took %s", took)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		sends(1, membership.LookupTimeout)
		sends(500, 0) // in 5 s
		if n := r.times(); n < 3 || n > 5 {
			t.Errorf("rooms was asked %d times", n)
		}
		begin := time.Now()
		cannotBeSaid(t, "who is not known", cache, uuid.New())
		if took := time.Since(begin); took < membership.LookupTimeout {
			t.Errorf("who is not known was not asked for: it took %s", took)
		}
		r.set(func() { r.hangs = false }) // it refuses at once
		r.times()
		sends(500, 0)
		if n := r.times(); n < 4 || n > 6 {
			t.Errorf("a rooms that refuses at once was asked %d times in 5 s", n)
		}
		r.set(func() { r.down, r.members = false, members(8, alice) })
		cache.FollowedAsOf(time.Now())
		time.Sleep(membership.LookupTimeout)
		sends(1, 0) // asks
		synctest.Wait()
		if m := mustBeIn(t, cache, alice); m.Version != 8 {
			t.Errorf("when rooms answers again: %+v", m)
		}
		if _, err := cache.Of(t.Context(), room, bob); !errors.Is(err, membership.ErrRoomNotFound) {
			t.Errorf("who has left meanwhile: %v", err)
		}
	})
}

// Who goes away before rooms has answered says nothing about rooms.
func TestAGivenUpRequestIsNoOutage(t *testing.T) {
	inOutage(t, members(7, alice, bob), func(t *testing.T, cache *membership.Cache, r *shaky) {
		r.set(func() { r.down, r.slow = false, true })
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			if _, err := cache.Standing(ctx, room, uuid.New()); !errors.Is(err, context.Canceled) {
				t.Errorf("the request that was given up ends with %v", err)
			}
		})
		synctest.Wait()
		cancel()
		asking.Wait()
		time.Sleep(31 * time.Second)
		cache.FollowedAsOf(time.Now())
		r.set(func() { r.members.Version = 8 })
		if m := mustBeIn(t, cache, alice); m.Version != 8 {
			t.Errorf("rooms is not waited for: %+v", m)
		}
	})
}

// A rooms that was set back to an older state has older versions, which count once what is kept is over.
func TestARoomsThatWasSetBackCounts(t *testing.T) {
	inOutage(t, members(7, alice, bob), func(t *testing.T, cache *membership.Cache, r *shaky) {
		r.set(func() { r.down, r.members = false, members(5, alice) })
		for range 3 {
			if m := mustBeIn(t, cache, alice); m.Version != 5 {
				t.Errorf("the membership is %+v", m)
			}
		}
		if n := r.times(); n != 1 {
			t.Errorf("rooms was asked %d times", n)
		}
	})
}
