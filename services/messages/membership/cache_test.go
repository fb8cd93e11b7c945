package membership_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/membership"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var (
	room  = uuid.MustParse("0192d3a0-0000-7000-8000-000000000001")
	alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	bob   = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000b")
)

// rooms answers as the test says, and counts.
type rooms struct {
	asked      atomic.Int32
	answer     func(call int32) (events.Membership, error)
	standingOf func(user uuid.UUID) (events.Standing, error)
}

func (r *rooms) User(context.Context, uuid.UUID) (events.UserAnswer, error) {
	return events.UserAnswer{}, membership.ErrUserNotFound
}

func (r *rooms) Standing(_ context.Context, _, user uuid.UUID) (events.Standing, error) {
	r.asked.Add(1)
	return r.standingOf(user)
}

func (r *rooms) Membership(context.Context, uuid.UUID) (events.Membership, error) {
	return r.answer(r.asked.Add(1))
}

func members(version int64, joined ...uuid.UUID) events.Membership {
	return events.Membership{RoomID: room, Audience: events.Audience{Users: joined, Version: version}}
}

// creation is the event of a room of the users.
func creation(room uuid.UUID, users ...uuid.UUID) events.RoomCreated {
	created := events.RoomCreated{
		RoomID: room, CreatedBy: users[0], Room: wire.Room{ID: room, Type: wire.Group}, Audience: events.Audience{Users: users, Version: 1},
	}
	for _, user := range users {
		created.Members = append(created.Members, wire.Member{ID: user, Status: wire.Joined})
	}
	return created
}

func always(m events.Membership) *rooms {
	return &rooms{answer: func(int32) (events.Membership, error) { return m, nil }}
}

func newCache(t *testing.T, r membership.Rooms) *membership.Cache {
	t.Helper()
	cache, err := membership.NewCache(membership.Config{CacheBytes: 64 << 10, CacheTTL: 30 * time.Second}, r, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Run(t, "cache", cache.Run)
	return cache
}

func mustBeIn(t *testing.T, cache *membership.Cache, user uuid.UUID) events.Membership {
	t.Helper()
	m, err := cache.Of(t.Context(), room, user)
	if err != nil {
		t.Fatalf("the user is refused: %v", err)
	}
	return m
}

// follow hands the cache an event, as the log does that has just got it.
func follow(t *testing.T, cache *membership.Cache, data events.Data) {
	t.Helper()
	followLate(t, cache, data, time.Now())
}

// followLate hands it an event that the log has had since the given time.
func followLate(t *testing.T, cache *membership.Cache, data events.Data, since time.Time) {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", time.Now(), data))
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Follow(t.Context(), []bus.Record{{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Time: since}}); err != nil {
		t.Fatal(err)
	}
}

func read(version int64) events.RoomRead {
	return events.RoomRead{RoomID: room, UserID: alice, ReadAt: wire.At(time.Now()), Audience: events.Audience{Users: []uuid.UUID{alice}, Version: version}}
}

func TestAnswersAreKeptOnceTheLogIsFollowed(t *testing.T) {
	r := always(members(1, alice))
	cache := newCache(t, r)
	mustBeIn(t, cache, alice)
	mustBeIn(t, cache, alice)
	if n := r.asked.Load(); n != 2 {
		t.Errorf("before the log is followed rooms was asked %d times, want 2", n)
	}
	cache.CaughtUp()
	for range 5 {
		mustBeIn(t, cache, alice)
	}
	if n := r.asked.Load(); n != 3 {
		t.Errorf("rooms was asked %d times, want 3", n)
	}
}

func TestAnswersAreKeptForTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(members(1, alice))
		cache := newCache(t, r)
		cache.CaughtUp()
		mustBeIn(t, cache, alice)
		time.Sleep(30*time.Second - 1)
		mustBeIn(t, cache, alice)
		if n := r.asked.Load(); n != 1 {
			t.Errorf("rooms was asked %d times within the time, want 1", n)
		}
		time.Sleep(time.Nanosecond)
		mustBeIn(t, cache, alice)
		if n := r.asked.Load(); n != 2 {
			t.Errorf("rooms was asked %d times after it, want 2", n)
		}
	})
}

// While the log stands still a change passes by unseen. What was answered before it is used for the time that began when rooms was asked,
// however long rooms took, and then not once more.
func TestALogThatStandsStillMakesNoAnswerOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = time.Second
		version := atomic.Int64{}
		version.Store(1)
		r := &rooms{}
		r.answer = func(int32) (events.Membership, error) {
			answer := members(version.Load(), alice)
			time.Sleep(slow)
			return answer, nil
		}
		cache := newCache(t, r)
		cache.CaughtUp()
		asked := time.Now()
		mustBeIn(t, cache, alice)
		version.Store(2) // nobody tells the cache
		time.Sleep(time.Until(asked.Add(30*time.Second - 1)))
		if got := mustBeIn(t, cache, alice); got.Version != 1 || r.asked.Load() != 1 {
			t.Errorf("within the time: version %d, rooms asked %d times; want 1, once", got.Version, r.asked.Load())
		}
		time.Sleep(time.Nanosecond)
		if got := mustBeIn(t, cache, alice); got.Version != 2 {
			t.Errorf("%s after rooms was asked the answer is still version %d", time.Since(asked), got.Version)
		}
	})
}

// A follower that lags comes to the creation of a room long after the room has changed.
func TestACreationThatIsReadLateIsNotTakenForNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(members(2, bob))
		cache := newCache(t, r)
		cache.CaughtUp()
		created := creation(room, alice, bob)
		for _, age := range []time.Duration{30 * time.Second, time.Hour} {
			followLate(t, cache, created, time.Now().Add(-age))
			if m, err := cache.Of(t.Context(), room, alice); !errors.Is(err, membership.ErrRoomNotFound) {
				t.Errorf("a member of %s ago, who has left, is in: %+v, %v", age, m, err)
			}
		}
	})
}

// What is read 20 s late may be used for another 10; and a clock that is ahead gives it no more than its time.
func TestACreationIsUsedForTheRestOfItsTime(t *testing.T) {
	for name, c := range map[string]struct{ age, rest time.Duration }{
		"late": {20 * time.Second, 10 * time.Second}, "of a clock that is ahead": {-time.Hour, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := always(members(2, alice, bob))
				cache := newCache(t, r)
				cache.CaughtUp()
				followLate(t, cache, creation(room, alice), time.Now().Add(-c.age))
				time.Sleep(c.rest - 1)
				if got := mustBeIn(t, cache, alice); got.Version != 1 {
					t.Errorf("rooms was asked %d times before the time was over", r.asked.Load())
				}
				time.Sleep(time.Nanosecond)
				if got := mustBeIn(t, cache, alice); got.Version != 2 {
					t.Error("the creation is used after its time")
				}
			})
		})
	}
}

func TestTheTimeOfAnAnswerHasItsLimits(t *testing.T) {
	for ttl, want := range map[time.Duration]int{0: 1, time.Nanosecond: 0, time.Minute: 0, time.Minute + 1: 1} {
		if faults := (membership.Config{CacheBytes: 64 << 10, CacheTTL: ttl}).Validate(); len(faults) != want {
			t.Errorf("%s: %v, want %d faults", ttl, faults, want)
		}
	}
}

func TestNoMoreIsKeptThanThereIsRoomFor(t *testing.T) {
	r := &rooms{answer: func(int32) (events.Membership, error) { return events.Membership{}, membership.ErrRoomNotFound }}
	cache := newCache(t, r)
	cache.CaughtUp()
	users := []uuid.UUID{alice}
	for range 99 {
		users = append(users, uuid.New())
	}
	const many = 100 // some 1,800 bytes each, and there is room for 32 KiB
	all := make([]uuid.UUID, many)
	for i := range all {
		all[i] = uuid.New()
		follow(t, cache, creation(all[i], users...))
	}
	if _, err := cache.Of(t.Context(), all[many-1], alice); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if _, err := cache.Of(t.Context(), all[0], alice); !errors.Is(err, membership.ErrRoomNotFound) || r.asked.Load() == 0 {
		t.Errorf("the oldest is answered without rooms: %v", err)
	}
}

func TestANewerVersionInTheLogDropsAnAnswer(t *testing.T) {
	version := atomic.Int64{}
	version.Store(3)
	r := &rooms{}
	r.answer = func(int32) (events.Membership, error) { return members(version.Load(), alice), nil }
	cache := newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice)
	follow(t, cache, read(2))
	follow(t, cache, read(3))
	if got := mustBeIn(t, cache, alice); got.Version != 3 || r.asked.Load() != 1 {
		t.Errorf("versions that are not newer made rooms be asked %d times, want 1", r.asked.Load())
	}
	version.Store(4)
	follow(t, cache, read(4))
	if got := mustBeIn(t, cache, alice); got.Version != 4 {
		t.Errorf("after version 4 passed the answer has version %d", got.Version)
	}
}

// A change may have been in what was missed of the log.
func TestALogThatJumpsDropsAllAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		r := &rooms{}
		r.answer = func(call int32) (events.Membership, error) {
			if call == 2 {
				<-answered
			}
			return members(1, alice), nil
		}
		cache := newCache(t, r)
		cache.CaughtUp()
		mustBeIn(t, cache, alice)
		cache.Jumped([]bus.Jump{{Topic: events.TopicRooms, From: 7, To: 3}})
		var asking sync.WaitGroup
		asking.Go(func() { mustBeIn(t, cache, alice) })
		synctest.Wait() // rooms has been asked, and the log jumps before it has answered
		cache.Jumped([]bus.Jump{{Topic: events.TopicRooms, From: 3, To: 9}})
		close(answered)
		asking.Wait()
		mustBeIn(t, cache, alice)
		if n := r.asked.Load(); n != 3 {
			t.Errorf("rooms was asked %d times, want 3", n)
		}
		mustBeIn(t, cache, alice)
		if n := r.asked.Load(); n != 3 {
			t.Errorf("an answer from after the jump is not kept")
		}
	})
}

func TestARoomIsKnownFromItsCreation(t *testing.T) {
	r := &rooms{answer: func(int32) (events.Membership, error) {
		return events.Membership{}, errors.New("not to be asked")
	}}
	cache := newCache(t, r)
	cache.CaughtUp()
	follow(t, cache, creation(room, alice, bob))
	if got := mustBeIn(t, cache, bob); got.Version != 1 || len(got.Users) != 2 {
		t.Errorf("the room is known as %+v", got)
	}
}

// An answer that was fetched before a newer version passed by must not be kept after it: the flight asks again.
func TestAnAnswerOlderThanTheLogIsFetchedAgain(t *testing.T) {
	var cache *membership.Cache
	r := &rooms{}
	r.answer = func(call int32) (events.Membership, error) {
		if call == 1 {
			follow(t, cache, read(2)) // passes while version 1 is on its way
			return members(1, alice), nil
		}
		return members(2, alice, bob), nil
	}
	cache = newCache(t, r)
	cache.CaughtUp()
	if got := mustBeIn(t, cache, alice); got.Version != 2 {
		t.Errorf("the answer has version %d, want 2", got.Version)
	}
	mustBeIn(t, cache, bob)
	if n := r.asked.Load(); n != 2 {
		t.Errorf("rooms was asked %d times, want 2", n)
	}
}

func TestAnAnswerThatStaysBehindTheLogIsNotKept(t *testing.T) {
	var cache *membership.Cache
	r := &rooms{}
	r.answer = func(int32) (events.Membership, error) {
		follow(t, cache, read(9))
		return members(1, alice), nil
	}
	cache = newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice)
	asked := r.asked.Load()
	mustBeIn(t, cache, alice)
	if r.asked.Load() == asked {
		t.Error("an answer older than the log was kept")
	}
	if asked > 5 {
		t.Errorf("rooms was asked %d times for one request", asked)
	}
}

func TestARefusalIsNeverTakenFromMemory(t *testing.T) {
	r := &rooms{}
	r.answer = func(call int32) (events.Membership, error) {
		if call == 1 {
			return members(1, alice), nil
		}
		return members(2, alice, bob), nil // bob has joined, which the log has not shown yet
	}
	cache := newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice)
	mustBeIn(t, cache, bob)
}

// A refusal that was on its way before the request came says nothing about the request.
func TestARefusalFromBeforeTheRequestIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		r := &rooms{}
		r.answer = func(call int32) (events.Membership, error) {
			if call == 1 {
				<-answered
				return members(1, alice), nil
			}
			return members(2, alice, bob), nil
		}
		cache := newCache(t, r)
		cache.CaughtUp()
		var both sync.WaitGroup
		both.Go(func() { mustBeIn(t, cache, alice) })
		synctest.Wait()
		both.Go(func() { mustBeIn(t, cache, bob) })
		synctest.Wait()
		close(answered)
		both.Wait()
	})
}

func TestForeignAndUnknownRoomsAreTheSame(t *testing.T) {
	left := members(2, alice)
	for name, r := range map[string]*rooms{
		"foreign": always(left),
		"unknown": {answer: func(int32) (events.Membership, error) { return events.Membership{}, membership.ErrRoomNotFound }},
	} {
		cache := newCache(t, r)
		cache.CaughtUp()
		for _, user := range []uuid.UUID{bob, room, uuid.New()} {
			if _, err := cache.Of(t.Context(), room, user); !errors.Is(err, membership.ErrRoomNotFound) {
				t.Errorf("%s: the error is %v, want ErrRoomNotFound", name, err)
			}
		}
	}
}

func TestRoomsNotAnsweringIsAnOutage(t *testing.T) {
	r := &rooms{answer: func(int32) (events.Membership, error) {
		return events.Membership{}, errors.New("connection refused")
	}}
	cache := newCache(t, r)
	cache.CaughtUp()
	if _, err := cache.Of(t.Context(), room, alice); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("the error is %v, want ErrUnavailable", err)
	}
}

func TestManyRequestsShareOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		r := &rooms{}
		r.answer = func(int32) (events.Membership, error) {
			<-answered
			return members(1, alice), nil
		}
		cache := newCache(t, r)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { mustBeIn(t, cache, alice) })
		}
		synctest.Wait()
		close(answered)
		all.Wait()
		if n := r.asked.Load(); n != 1 {
			t.Errorf("rooms was asked %d times, want once", n)
		}
	})
}

// The request that began a flight may be given up; those who wait with it get their answer all the same.
func TestAGivenUpRequestDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		r := &rooms{}
		r.answer = func(int32) (events.Membership, error) {
			<-answered
			return members(1, alice), nil
		}
		cache := newCache(t, r)
		given, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := cache.Of(given, room, alice); !errors.Is(err, context.Canceled) {
				t.Errorf("the request that was given up ends with %v", err)
			}
		})
		synctest.Wait()
		both.Go(func() { mustBeIn(t, cache, alice) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(answered)
		both.Wait()
	})
}

// A member is known from memory, unless the room has no past. How anybody else stands is asked each time.
func TestStandingIsFromMemoryForMembersAlone(t *testing.T) {
	left := uuid.New()
	since := members(7, alice)
	since.SinceJoining = true
	down := errors.New("connection refused")
	for name, c := range map[string]struct {
		members  events.Membership
		user     uuid.UUID
		standing events.Standing
		err      error
		asked    int32 // of the second question for it
		want     error
	}{
		"a member":                          {members: members(7, alice), user: alice, standing: events.Standing{RoomID: room, Version: 7, UserID: alice, Status: wire.Joined}},
		"a member of a room without a past": {members: since, user: alice, standing: events.Standing{RoomID: room, From: &left}, asked: 1},
		"a former member":                   {members: members(7, alice), user: bob, standing: events.Standing{RoomID: room, To: &left}, asked: 2},
		"a stranger":                        {members: members(7, alice), user: bob, err: membership.ErrRoomNotFound, asked: 2, want: membership.ErrRoomNotFound},
		"anybody, while rooms is down":      {members: members(7, alice), user: bob, err: down, asked: 2, want: membership.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r := always(c.members)
			r.standingOf = func(uuid.UUID) (events.Standing, error) { return c.standing, c.err }
			cache := newCache(t, r)
			cache.CaughtUp()
			if _, err := cache.Standing(t.Context(), room, c.user); !errors.Is(err, c.want) {
				t.Fatalf("asked first: %v", err)
			}
			before := r.asked.Load()
			got, err := cache.Standing(t.Context(), room, c.user)
			if !errors.Is(err, c.want) || got != c.standing {
				t.Errorf("asked again: %+v, %v", got, err)
			}
			if asked := r.asked.Load() - before; asked != c.asked {
				t.Errorf("rooms was asked %d times, want %d", asked, c.asked)
			}
		})
	}
}

// change is the event of a user who joins the room, or leaves it.
func change(user uuid.UUID, what wire.Change, audience events.Audience) events.MembershipChanged {
	return events.MembershipChanged{
		RoomID: room, Change: what, Member: wire.Member{ID: user}, Room: &wire.Room{ID: room}, Audience: audience,
		Message: wire.Message{RoomID: room, ID: uuid.New(), SenderID: user, CreatedAt: wire.At(time.Now()), Body: []byte(`{}`)},
	}
}

// Of a large room nobody is named: each user is asked for, and remembered until the log says that it has come or gone.
func TestMembersOfALargeRoomAreAskedForEach(t *testing.T) {
	inside := map[uuid.UUID]bool{alice: true}
	r := always(events.Membership{RoomID: room, Audience: events.WholeRoom(7)})
	r.standingOf = func(user uuid.UUID) (events.Standing, error) {
		if !inside[user] {
			return events.Standing{}, membership.ErrRoomNotFound
		}
		return events.Standing{RoomID: room, UserID: user, Version: 8, Status: wire.Joined}, nil
	}
	cache := newCache(t, r)
	cache.CaughtUp()
	if got := mustBeIn(t, cache, alice); !got.ByReference() || got.Version != 8 {
		t.Errorf("the room is %+v", got)
	}
	asked := r.asked.Load()
	mustBeIn(t, cache, alice)
	if r.asked.Load() != asked {
		t.Error("a member who is known is asked for again")
	}
	if _, err := cache.Of(t.Context(), room, bob); !errors.Is(err, membership.ErrRoomNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	inside[bob] = true
	mustBeIn(t, cache, bob)
	follow(t, cache, change(bob, wire.Join, events.WholeRoom(9)))
	if got := mustBeIn(t, cache, alice); got.Version != 9 {
		t.Errorf("after a change the room has version %d", got.Version)
	}
	inside[alice] = false
	follow(t, cache, change(alice, wire.Leave, events.WholeRoom(10)))
	if _, err := cache.Of(t.Context(), room, alice); !errors.Is(err, membership.ErrRoomNotFound) {
		t.Errorf("who has left: %v", err)
	}
	mustBeIn(t, cache, bob)
	inside[bob] = false
	cache.Jumped(nil)
	if _, err := cache.Of(t.Context(), room, bob); !errors.Is(err, membership.ErrRoomNotFound) {
		t.Errorf("who has left in what was missed of the log: %v", err)
	}
}

// A room that has ended takes nothing more from those who are remembered as its members.
func TestMembersOfARoomThatHasEndedAreForgotten(t *testing.T) {
	for _, audience := range []events.Audience{events.WholeRoom(7), {Users: []uuid.UUID{alice}, Version: 7}} {
		r, ended := always(events.Membership{RoomID: room, Audience: audience}), false
		r.answer = func(int32) (events.Membership, error) {
			if ended {
				return events.Membership{}, membership.ErrRoomNotFound
			}
			return events.Membership{RoomID: room, Audience: audience}, nil
		}
		r.standingOf = func(user uuid.UUID) (events.Standing, error) {
			return events.Standing{RoomID: room, UserID: user, Version: 7, Status: wire.Joined}, nil
		}
		cache := newCache(t, r)
		cache.CaughtUp()
		mustBeIn(t, cache, alice)
		ended = true
		mustBeIn(t, cache, alice) // it is remembered
		follow(t, cache, events.RoomEnded{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{}, Version: 8, WholeRoom: audience.WholeRoom}})
		if _, err := cache.Of(t.Context(), room, alice); !errors.Is(err, membership.ErrRoomNotFound) {
			t.Errorf("who was in the room: %v", err)
		}
	}
}

// An answer that was on its way while somebody left is not kept.
func TestAStandingFromBeforeAChangeIsNotKept(t *testing.T) {
	var cache *membership.Cache
	r, inside := always(events.Membership{RoomID: room, Audience: events.WholeRoom(7)}), true
	r.standingOf = func(user uuid.UUID) (events.Standing, error) {
		if !inside {
			return events.Standing{}, membership.ErrRoomNotFound
		}
		inside = false
		follow(t, cache, change(user, wire.Leave, events.WholeRoom(8)))
		return events.Standing{RoomID: room, UserID: user, Version: 7, Status: wire.Joined}, nil
	}
	cache = newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice) // she was asked for before she left
	if _, err := cache.Of(t.Context(), room, alice); !errors.Is(err, membership.ErrRoomNotFound) {
		t.Errorf("after it: %v", err)
	}
}

// Who insists is not asked for each time. Who joins is in at once.
func TestWhoInsistsIsRefusedFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(members(1, alice))
		cache := newCache(t, r)
		cache.CaughtUp()
		refused := func(times int) {
			t.Helper()
			for range times {
				if _, err := cache.Of(t.Context(), room, bob); !errors.Is(err, membership.ErrRoomNotFound) {
					t.Fatalf("a stranger: %v", err)
				}
			}
		}
		refused(20)
		if n := r.asked.Load(); n != 3 {
			t.Errorf("rooms was asked %d times, want 3", n)
		}
		time.Sleep(time.Second)
		refused(2)
		if n := r.asked.Load(); n != 5 {
			t.Errorf("a second later rooms was asked %d times, want 5", n)
		}
		refused(2)
		r.answer = func(int32) (events.Membership, error) { return members(2, alice, bob), nil }
		follow(t, cache, change(bob, wire.Join, events.Audience{Users: []uuid.UUID{alice, bob}, Version: 2}))
		mustBeIn(t, cache, bob)
	})
}

// Who has left reads nothing more after a second, whatever the log that says so does. A send may rely on its readers, who know the log.
func TestReadingReliesOnMemoryForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(members(1, alice))
		cache := newCache(t, r)
		cache.CaughtUp()
		stands := func() {
			t.Helper()
			if _, err := cache.Standing(t.Context(), room, alice); err != nil {
				t.Fatal(err)
			}
		}
		stands()
		time.Sleep(time.Second - 1)
		stands()
		if n := r.asked.Load(); n != 1 {
			t.Errorf("within a second rooms was asked %d times", n)
		}
		time.Sleep(time.Nanosecond)
		r.answer = func(int32) (events.Membership, error) { return events.Membership{}, errors.New("connection refused") }
		stands()                                                                          // while rooms is down nobody leaves
		r.answer = func(int32) (events.Membership, error) { return members(2, bob), nil } // nobody tells the cache
		r.standingOf = func(uuid.UUID) (events.Standing, error) { return events.Standing{}, membership.ErrRoomNotFound }
		mustBeIn(t, cache, alice)
		time.Sleep(time.Second)
		stands() // that rooms answers again shows by this
		synctest.Wait()
		if _, err := cache.Standing(t.Context(), room, alice); !errors.Is(err, membership.ErrRoomNotFound) {
			t.Errorf("a second later she reads: %v", err)
		}
	})
}
