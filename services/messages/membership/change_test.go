package membership_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// A change takes the place of what is kept.
func TestAChangeIsTakenFromTheLog(t *testing.T) {
	r := always(members(7, alice, bob))
	cache := newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice)
	carol := uuid.New()
	follow(t, cache, change(carol, wire.Join, events.Audience{Users: []uuid.UUID{alice, bob, carol}, Version: 8}))
	if m := mustBeIn(t, cache, carol); m.Version != 8 {
		t.Errorf("who has joined: %+v", m)
	}
	follow(t, cache, change(bob, wire.Leave, events.Audience{Users: []uuid.UUID{alice, carol}, Version: 9}))
	follow(t, cache, change(carol, wire.Join, events.Audience{Users: []uuid.UUID{alice, bob, carol}, Version: 8})) // once more, as the outbox may
	if m := mustBeIn(t, cache, carol); m.Version != 9 || m.Names(bob) {
		t.Errorf("when one has left: %+v", m)
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("rooms was asked %d times", n)
	}
	followLate(t, cache, change(alice, wire.Leave, events.Audience{Users: []uuid.UUID{carol}, Version: 10}), time.Now().Add(-time.Hour))
	r.answer = func(int32) (events.Membership, error) { return members(11, carol), nil }
	if m := mustBeIn(t, cache, carol); m.Version != 11 {
		t.Errorf("a change that is read late is taken for new: %+v", m)
	}
}

// What part of the timeline it sees, the creation does not say.
func TestWhoJoinsARoomOfWhichOnlyItsCreationIsKnownIsAskedFor(t *testing.T) {
	carol := uuid.New()
	r := always(members(3, alice, carol))
	cache := newCache(t, r)
	cache.CaughtUp()
	follow(t, cache, creation(room, alice, bob))
	follow(t, cache, change(bob, wire.Leave, events.Audience{Users: []uuid.UUID{alice}, Version: 2}))
	if m := mustBeIn(t, cache, alice); m.Version != 2 || r.asked.Load() != 0 {
		t.Errorf("when one has left: %+v, and rooms was asked %d times", m, r.asked.Load())
	}
	follow(t, cache, change(carol, wire.Join, events.Audience{Users: []uuid.UUID{alice, carol}, Version: 3}))
	if mustBeIn(t, cache, carol); r.asked.Load() != 1 {
		t.Errorf("who has joined: rooms was asked %d times", r.asked.Load())
	}
}

func TestARoomThatBecomesLargeIsAskedFor(t *testing.T) {
	r := always(members(7, alice, bob))
	cache := newCache(t, r)
	cache.CaughtUp()
	mustBeIn(t, cache, alice)
	r.answer = func(int32) (events.Membership, error) {
		return events.Membership{RoomID: room, Audience: events.WholeRoom(8)}, nil
	}
	r.standingOf = func(user uuid.UUID) (events.Standing, error) {
		return events.Standing{RoomID: room, UserID: user, Version: 8, Status: wire.Joined}, nil
	}
	carol := uuid.New()
	follow(t, cache, change(carol, wire.Join, events.Audience{Users: []uuid.UUID{alice, bob, carol}, Version: 8, WholeRoom: true}))
	if m := mustBeIn(t, cache, alice); !m.ByReference() || m.Version != 8 {
		t.Errorf("the membership is %+v", m)
	}
}
