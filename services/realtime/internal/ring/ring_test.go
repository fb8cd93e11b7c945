package ring

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func limits() Limits {
	return Limits{Window: 5 * time.Minute, Margin: time.Minute, Records: 1000, Bytes: 1 << 20}
}

func user(n byte) uuid.UUID { return uuid.UUID{15: n} }

// at is a cut of points behind records of one leader, whose epoch is 0.
func at(offsets ...int64) cut.Cut {
	var c cut.Cut
	for _, offset := range offsets {
		point := cut.Point{Offset: offset}
		if offset == 0 {
			point.LeaderEpoch = cut.Unknown
		}
		c = append(c, point)
	}
	return c
}

// add takes a record of the partition, and adds one entry of it. It reports false where the record or its event is a repeat.
func add(r *Ring, now time.Time, partition int, offset int64, at time.Time, to ...uuid.UUID) bool {
	return addOf(r, now, partition, offset, 0, at, to...)
}

// addOf adds a record that the leader of an epoch has written.
func addOf(r *Ring, now time.Time, partition int, offset int64, leaderEpoch int32, at time.Time, to ...uuid.UUID) bool {
	behind, taken := r.Take(partition, offset, leaderEpoch)
	if !taken || r.Sight(now, partition, Identity{ID: uuid.New(), At: at, Written: at}) == Repeat {
		return false
	}
	r.Add(now, Entry{Partition: partition, Behind: behind, Time: at, Event: &sse.Event{Data: fmt.Appendf(nil, "%d-%d", partition, offset)}}, to)
	return true
}

func texts(missed []Missed) []string {
	out := []string{}
	for _, m := range missed {
		out = append(out, string(m.Event.Data))
	}
	return out
}

func TestReplayGivesWhatFollowsForOneUser(t *testing.T) {
	r := New(limits(), 2, time.Time{})
	r.Begin(0, cut.Point{Offset: 100, LeaderEpoch: cut.Unknown})
	r.Begin(1, cut.Point{Offset: 7})
	for offset := int64(100); offset < 106; offset++ {
		add(r, start, 0, offset, start, user(1), user(byte(2+offset%2)))
		if offset%2 == 0 {
			add(r, start, 1, offset-93, start, user(1))
		}
	}
	if r.Len() != 9 || !slices.Equal(r.Cut(), at(106, 12)) {
		t.Fatalf("%d entries, at %v", r.Len(), r.Cut())
	}
	for _, c := range []struct {
		user   uuid.UUID
		behind cut.Cut
		want   []string
	}{
		{user(1), at(104, 11), []string{"0-104", "1-11", "0-105"}},
		{user(1), at(106, 9), []string{"1-9", "1-11"}},
		{user(1), at(103, 12), []string{"0-103", "0-104", "0-105"}},
		{user(1), at(106, 12), []string{}},
		{user(2), at(100, 7), []string{"0-100", "0-102", "0-104"}},
		{user(3), at(105, 12), []string{"0-105"}},
		{user(9), at(100, 7), []string{}},
	} {
		missed, err := r.Replay(c.user, c.behind)
		if got := texts(missed); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("user %v behind %v: %v, %v; want %v", c.user[15], c.behind, got, err, c.want)
		}
	}
	for _, behind := range []cut.Cut{at(99, 12), at(106, 6), at(99, 99)} {
		if _, err := r.Replay(user(1), behind); !errors.Is(err, ErrExpired) {
			t.Errorf("behind %v: %v", behind, err)
		}
	}
	for _, behind := range []cut.Cut{at(107, 7), at(100, 13)} {
		if _, err := r.Replay(user(1), behind); !errors.Is(err, ErrAhead) {
			t.Errorf("behind %v: %v", behind, err)
		}
	}
}

func TestLimitsLetTheOldestFallOut(t *testing.T) {
	size := (&kept{Entry: Entry{Event: &sse.Event{Data: []byte("0-100")}}, to: make([]link, 1)}).size()
	for name, c := range map[string]struct {
		limits Limits
		step   time.Duration
	}{
		"age":     {Limits{Window: 9 * time.Second, Records: 5000, Bytes: 1 << 30}, time.Second},
		"records": {Limits{Window: 24 * time.Hour, Records: 10, Bytes: 1 << 30}, time.Second},
		"bytes":   {Limits{Window: 24 * time.Hour, Records: 5000, Bytes: 10*(size+2) + size/2}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(c.limits, 2, time.Time{})
			now := start
			for offset := range int64(5000) { // over several blocks
				now = now.Add(c.step)
				add(r, now, 0, offset, now, user(1), user(byte(offset%200+2)))
			}
			want := 10
			if name == "bytes" {
				want = r.limits.Bytes / (size + len("0") + 16)
			}
			if r.Len() != want {
				t.Fatalf("%d entries are kept, want %d", r.Len(), want)
			}
			oldest := int64(5000 - want)
			if missed, err := r.Replay(user(1), at(oldest, 0)); err != nil || len(missed) != want {
				t.Errorf("the oldest cut that is kept: %d, %v", len(missed), err)
			}
			if _, err := r.Replay(user(1), at(oldest-1, 0)); !errors.Is(err, ErrExpired) {
				t.Errorf("the cut before: %v", err)
			}
			if r.Users() != want+1 {
				t.Errorf("%d users are remembered", r.Users())
			}
			if len(r.entries.blocks) > 2 {
				t.Errorf("%d blocks are kept for %d entries", len(r.entries.blocks), want)
			}
		})
	}
}

// A partition in which little happens must not expire with the others.
func TestQuietPartitionKeepsItsFloor(t *testing.T) {
	l := limits()
	l.Records = 10
	r := New(l, 2, time.Time{})
	add(r, start, 1, 0, start, user(2))
	for offset := range int64(5) {
		add(r, start, 0, offset, start, user(1))
	}
	if missed, err := r.Replay(user(2), at(5, 0)); err != nil || len(missed) != 1 {
		t.Errorf("%v, %v", missed, err)
	}
	for offset := int64(5); offset < 100; offset++ {
		add(r, start, 0, offset, start, user(1))
	}
	if _, err := r.Replay(user(2), at(100, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("what has fallen out is given: %v", err)
	}
	if missed, err := r.Replay(user(2), at(100, 1)); err != nil || len(missed) != 0 {
		t.Errorf("behind it: %v, %v", missed, err)
	}
}

func TestOldEntriesFallOutWithoutNewOnes(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	add(r, start, 0, 0, start, user(1))
	r.Evict(start.Add(5*time.Minute + time.Second))
	if r.Len() != 0 || r.Bytes() != 0 || r.Users() != 0 {
		t.Errorf("%d entries of %d bytes and %d users are kept", r.Len(), r.Bytes(), r.Users())
	}
	if missed, err := r.Replay(user(1), at(1)); err != nil || len(missed) != 0 {
		t.Errorf("resume behind all: %v, %v", missed, err)
	}
}

type sub struct{}

func (sub) Offer(sse.Frame) bool { return true }

func TestUsersWithStreamsAreRemembered(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	alice := r.User(user(1))
	alice.Streams = append(alice.Streams, sub{})
	add(r, start, 0, 0, start, user(1))
	r.Evict(start.Add(time.Hour))
	if r.Users() != 1 || r.User(user(1)) != alice {
		t.Error("a user with an open stream was forgotten")
	}
	alice.Streams = nil
	r.Forget(alice)
	if r.Users() != 0 {
		t.Error("a user without anything is remembered")
	}
	bob := r.User(user(2))
	add(r, start, 0, 1, start, user(2))
	r.Forget(bob)
	if r.Users() != 1 {
		t.Error("a user with an entry was forgotten")
	}
}

func TestUserWhoIsNamedTwiceGetsAnEventOnce(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	behind, _ := r.Take(0, 0, 0)
	to := r.Add(start, Entry{Behind: behind, Time: start, Event: &sse.Event{}}, []uuid.UUID{user(1), user(2), user(1)})
	if len(to) != 2 {
		t.Errorf("%d users", len(to))
	}
	if missed, err := r.Replay(user(1), at(0)); err != nil || len(missed) != 1 {
		t.Errorf("%v, %v", missed, err)
	}
}

func TestRecordReadTwiceIsNotTaken(t *testing.T) {
	r := New(limits(), 2, time.Time{})
	for _, c := range []struct {
		partition int
		offset    int64
		taken     bool
	}{{0, 0, true}, {0, 0, false}, {0, 3, true}, {0, 2, false}, {1, 2, true}} {
		behind, taken := r.Take(c.partition, c.offset, 0)
		if taken != c.taken || taken && behind.Offset != c.offset+1 {
			t.Errorf("offset %d of partition %d: %d, %v", c.offset, c.partition, behind, taken)
		}
	}
}

func TestMemoryForRepeatsIsBounded(t *testing.T) {
	l := limits()
	l.Records = 10
	r := New(l, 1, time.Time{})
	for n := range 10_000 { // every other by a clock that is ahead
		r.Sight(start, 0, Identity{ID: uuid.New(), At: start.Add(time.Duration(n%2) * time.Hour), Written: start})
	}
	if len(r.seen.ids) > 2*l.Records || len(r.seen.order)+len(r.seen.ahead) != len(r.seen.ids) {
		t.Errorf("%d ids, %d in order", len(r.seen.ids), len(r.seen.order)+len(r.seen.ahead))
	}
}

// Whatever is added and falls out, a replay is what a plain list would give.
func TestReplayIsWhatAListWouldGive(t *testing.T) {
	type row struct {
		partition int
		offset    int64
		to        []uuid.UUID
	}
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 7))
		l := limits()
		l.Records = 1 + random.IntN(60)
		r := New(l, 3, time.Time{})
		var all []row
		next := []int64{0, 0, 0}
		for range 200 {
			partition := random.IntN(3)
			next[partition] += int64(random.IntN(2)) // offsets have gaps
			one := row{partition: partition, offset: next[partition]}
			for range random.IntN(4) {
				one.to = append(one.to, user(byte(random.IntN(6))))
			}
			next[partition]++
			add(r, start, one.partition, one.offset, start, one.to...)
			all = append(all, one)
		}
		all = all[max(0, len(all)-l.Records):]
		for range 50 {
			behind := at(random.Int64N(next[0]+1), random.Int64N(next[1]+1), random.Int64N(next[2]+1))
			who := user(byte(random.IntN(7)))
			missed, err := r.Replay(who, behind)
			if errors.Is(err, ErrExpired) && !behind.Reached(at(r.parts[0].floor, r.parts[1].floor, r.parts[2].floor)) {
				continue
			}
			want := []string{}
			for _, one := range all {
				if one.offset >= behind[one.partition].Offset && slices.Contains(one.to, who) {
					want = append(want, fmt.Sprintf("%d-%d", one.partition, one.offset))
				}
			}
			if got := texts(missed); err != nil || !slices.Equal(got, want) {
				t.Fatalf("seed %d: behind %v %v, %v; want %v", seed, behind, got, err, want)
			}
		}
	}
}

func BenchmarkAddToTen(b *testing.B) {
	l := limits()
	l.Records, l.Bytes = 500_000, 1<<30
	r := New(l, 1, time.Time{})
	users := make([]uuid.UUID, 10_000)
	for i := range users {
		users[i] = uuid.New()
	}
	event := &sse.Event{Data: make([]byte, 400)}
	b.ReportAllocs()
	offset := int64(0)
	for b.Loop() {
		first := int(offset*10) % len(users)
		behind, _ := r.Take(0, offset, 0)
		r.Sight(start, 0, Identity{ID: uuid.UUID{byte(offset), byte(offset >> 8), byte(offset >> 16), byte(offset >> 24)}, At: start, Written: start})
		r.Add(start, Entry{Behind: behind, Time: start, Event: event}, users[first:first+10])
		offset++
	}
}

func BenchmarkReplayInAFullRing(b *testing.B) {
	l := limits()
	l.Records, l.Bytes = 150_000, 1<<30
	r := New(l, 1, time.Time{})
	for offset := range int64(150_000) {
		add(r, start, 0, offset, start, user(byte(offset%200)), user(byte(offset%200+1)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if missed, err := r.Replay(user(1), at(149_000)); err != nil || len(missed) != 10 {
			b.Fatal(len(missed), err)
		}
	}
}
