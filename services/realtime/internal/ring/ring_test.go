package ring

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func limits() Limits {
	return Limits{Window: 5 * time.Minute, Margin: time.Minute, Records: 1000, Bytes: 1 << 20}
}

func user(n byte) uuid.UUID { return uuid.UUID{15: n} }

func delivery(offset int64, at time.Time, to ...uuid.UUID) Entry {
	slices.SortFunc(to, CompareUsers)
	return Entry{Offset: offset, Time: at, Frames: []Addressed{{
		Frame: Frame{Offset: offset, Text: fmt.Appendf(nil, "%d", offset), At: at}, To: to,
	}}}
}

// occurrence is an event and where it stands in its log.
type occurrence struct {
	EventID   uuid.UUID
	Topic     string
	Partition int32
	Offset    int64
}

func add(r *Ring, now time.Time, entry Entry, of occurrence) bool {
	return r.Add(now, entry, of.EventID, events.Origin{Topic: of.Topic, Partition: of.Partition, Offset: of.Offset})
}

func from(offset int64) occurrence {
	return occurrence{EventID: uuid.New(), Topic: "ism.rooms", Offset: offset}
}

func offsets(frames []Frame) []int64 {
	out := []int64{}
	for _, f := range frames {
		out = append(out, f.Offset)
	}
	return out
}

func TestReplayGivesWhatFollowsForOneUser(t *testing.T) {
	r := New(limits(), 100)
	for offset := int64(100); offset < 110; offset++ {
		to := []uuid.UUID{user(1), user(byte(2 + offset%2))}
		if !add(r, start, delivery(offset, start, to...), from(offset)) {
			t.Fatalf("offset %d was taken for a repeat", offset)
		}
	}
	for _, c := range []struct {
		user  uuid.UUID
		after int64
		want  []int64
	}{
		{user(1), 105, []int64{106, 107, 108, 109}},
		{user(2), 99, []int64{100, 102, 104, 106, 108}},
		{user(3), 104, []int64{105, 107, 109}},
		{user(1), 109, []int64{}},
		{user(9), 99, []int64{}},
	} {
		frames, err := r.Replay(c.user, c.after)
		if got := offsets(frames); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("user %v after %d: %v, %v; want %v", c.user[15], c.after, got, err, c.want)
		}
	}
	if _, err := r.Replay(user(1), 98); !errors.Is(err, ErrExpired) {
		t.Errorf("before the beginning: %v", err)
	}
	if _, err := r.Replay(user(1), 110); !errors.Is(err, ErrAhead) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestQuietPartitionKnowsItsPosition(t *testing.T) {
	for begin, position := range map[int64]int64{0: -1, 5000: 4999} {
		r := New(limits(), begin)
		if r.Position() != position {
			t.Errorf("begun at %d it stands at %d", begin, r.Position())
		}
		if frames, err := r.Replay(user(1), position); err != nil || len(frames) != 0 {
			t.Errorf("resume at its position: %v, %v", frames, err)
		}
	}
}

func TestLimitsLetTheOldestFallOut(t *testing.T) {
	size := func() int { e := delivery(0, start, user(1)); return e.size() }()
	for name, c := range map[string]struct {
		limits Limits
		step   time.Duration
	}{
		"age":     {Limits{Window: 9 * time.Second, Records: 1000, Bytes: 1 << 20}, time.Second},
		"records": {Limits{Window: time.Hour, Records: 10, Bytes: 1 << 20}, time.Second},
		"bytes":   {Limits{Window: time.Hour, Records: 1000, Bytes: 10*(size+2) + size/2}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(c.limits, 0)
			now := start
			for offset := range int64(200) {
				now = now.Add(c.step)
				add(r, now, delivery(offset, now, user(1)), from(offset))
			}
			if r.Len() != 10 {
				t.Fatalf("%d deliveries are kept", r.Len())
			}
			if frames, err := r.Replay(user(1), 189); err != nil || len(frames) != 10 {
				t.Errorf("the oldest position that is kept: %d, %v", len(frames), err)
			}
			if _, err := r.Replay(user(1), 188); !errors.Is(err, ErrExpired) {
				t.Errorf("the position before: %v", err)
			}
		})
	}
}

func TestOldDeliveriesFallOutWithoutNewOnes(t *testing.T) {
	r := New(limits(), 0)
	add(r, start, delivery(0, start, user(1)), from(0))
	r.Evict(start.Add(5*time.Minute + time.Second))
	if r.Len() != 0 || r.Bytes() != 0 {
		t.Errorf("%d deliveries of %d bytes are kept", r.Len(), r.Bytes())
	}
	if frames, err := r.Replay(user(1), 0); err != nil || len(frames) != 0 {
		t.Errorf("resume behind all: %v, %v", frames, err)
	}
}

func TestRepeatsAreDropped(t *testing.T) {
	event := uuid.New()
	for name, second := range map[string]occurrence{
		"the same offset of the log once more": {EventID: event, Topic: "ism.rooms", Partition: 3, Offset: 7},
		"the same event twice in the log":      {EventID: event, Topic: "ism.rooms", Partition: 3, Offset: 8},
		"far before what has been seen":        {EventID: uuid.New(), Topic: "ism.rooms", Partition: 3, Offset: 5000 - windowLength},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(limits(), 0)
			add(r, start, delivery(0, start, user(1)), occurrence{EventID: event, Topic: "ism.rooms", Partition: 3, Offset: 7})
			if name == "far before what has been seen" {
				add(r, start, delivery(1, start, user(1)), occurrence{EventID: uuid.New(), Topic: "ism.rooms", Partition: 3, Offset: 5000})
			}
			if add(r, start, delivery(2, start, user(1)), second) {
				t.Error("the repeat was not noticed")
			}
			if r.Position() != 2 {
				t.Errorf("the repeat left the position at %d", r.Position())
			}
		})
	}
}

func TestWhatOnlyLooksLikeARepeatIsKept(t *testing.T) {
	r := New(limits(), 0)
	for i, of := range []occurrence{
		{EventID: uuid.New(), Topic: "ism.rooms", Partition: 3, Offset: 50},
		{EventID: uuid.New(), Topic: "ism.rooms", Partition: 4, Offset: 50},
		{EventID: uuid.New(), Topic: "ism.users", Partition: 3, Offset: 50},
		{EventID: uuid.New(), Topic: "ism.rooms", Partition: 3, Offset: 49}, // written late, after a failure within a batch
		{EventID: uuid.New(), Topic: "ism.rooms", Partition: 3, Offset: 5000},
		{EventID: uuid.New(), Topic: "ism.rooms", Partition: 3, Offset: 4999},
	} {
		if !add(r, start, delivery(int64(i), start, user(1)), of) {
			t.Errorf("%d was dropped", i)
		}
	}
}

func TestRecordReadTwiceIsDropped(t *testing.T) {
	r := New(limits(), 0)
	of := from(0)
	if !add(r, start, delivery(0, start, user(1)), of) || add(r, start, delivery(0, start, user(1)), from(1)) {
		t.Error("a record that is read twice must count once")
	}
	r.Skip(3)
	if add(r, start, delivery(2, start, user(1)), from(2)) {
		t.Error("a record before one that was skipped must not count")
	}
}

func TestMarginOnlyFindsRepeats(t *testing.T) {
	r := New(limits(), 0)
	old := start.Add(-5*time.Minute - 30*time.Second)
	of := from(7)
	if !add(r, start, delivery(0, old, user(1)), of) {
		t.Fatal("a first delivery was dropped")
	}
	if r.Len() != 0 {
		t.Error("a delivery that is too old is kept")
	}
	of.Offset = 9
	if add(r, start, delivery(1, start, user(1)), of) {
		t.Error("its repeat was not noticed")
	}
}

func TestMemoryForRepeatsIsBounded(t *testing.T) {
	l := limits()
	l.Records = 10
	r := New(l, 0)
	for offset := range int64(10_000) {
		add(r, start, delivery(offset, start, user(1)), from(offset))
	}
	if len(r.seen.ids) > 2*l.Records+1 || len(r.seen.order) > 2*l.Records+1 || len(r.seen.origins) != 1 {
		t.Errorf("%d ids, %d in order, %d origins", len(r.seen.ids), len(r.seen.order), len(r.seen.origins))
	}
}

// A fan-out that is killed and restarted again and again: each time it begins at or before where it ended.
func TestEachOriginCountsOnceWhateverIsWrittenAgain(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		ids := map[int64]uuid.UUID{}
		r := New(limits(), 0)
		var got []int64
		offset, committed, length := int64(0), int64(0), int64(500)
		for committed < length {
			next := committed
			for range random.IntN(200) {
				if next == length {
					break
				}
				if _, ok := ids[next]; !ok {
					ids[next] = uuid.New()
				}
				if add(r, start, delivery(offset, start, user(1)), occurrence{EventID: ids[next], Topic: "ism.rooms", Offset: next}) {
					got = append(got, next)
				}
				offset++
				next++
			}
			committed += random.Int64N(next - committed + 1)
		}
		for i, offset := range got {
			if offset != int64(i) {
				t.Fatalf("seed %d: event %d was of offset %d", seed, i, offset)
			}
		}
		if int64(len(got)) != length {
			t.Fatalf("seed %d: %d of %d came", seed, len(got), length)
		}
	}
}

func BenchmarkReplayOfTheLastSeconds(b *testing.B) {
	l := limits()
	l.Records, l.Bytes = 50_000, 1<<30
	r := New(l, 0)
	for offset := range int64(25_000) {
		add(r, start, delivery(offset, start, user(1), user(2), user(byte(offset))), from(offset))
	}
	for b.Loop() {
		if _, err := r.Replay(user(1), 24_600); err != nil {
			b.Fatal(err)
		}
	}
}
