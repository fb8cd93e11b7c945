package ring

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/services/realtime/internal/cut"
)

func gapOf(t *testing.T, r *Ring, behind cut.Cut) string {
	t.Helper()
	var gap GapError
	if _, err := r.Replay(user(1), behind); !errors.As(err, &gap) {
		t.Errorf("behind %v: %v", behind, err)
	}
	return gap.Reason
}

func TestNothingIsReplayedOverATear(t *testing.T) {
	r := New(limits(), 2, time.Time{})
	add(r, start, 0, 0, start, user(1))
	r.Take(0, 1, 0)
	r.Tear(0, "torn")
	add(r, start, 0, 2, start, user(1))
	for _, behind := range []cut.Cut{at(0, 0), at(1, 0)} {
		if got := gapOf(t, r, behind); got != "torn" {
			t.Errorf("behind %v: %q", behind, got)
		}
	}
	if missed, err := r.Replay(user(1), at(2, 0)); err != nil || !slices.Equal(texts(missed), []string{"0-2"}) {
		t.Errorf("behind the tear: %v, %v", texts(missed), err)
	}
	r.Evict(start.Add(time.Hour))
	if _, err := r.Replay(user(1), at(2, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("once what is behind it has fallen out: %v", err)
	}
}

func TestAJumpForwardIsATear(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	add(r, start, 0, 0, start, user(1))
	r.Jump(start, 0, Jump{To: cut.Point{Offset: 10, LeaderEpoch: cut.Unknown}}, "jump")
	if r.Cut()[0].Offset != 10 || gapOf(t, r, at(1)) != "jump" || gapOf(t, r, at(9)) != "jump" {
		t.Errorf("the cut is %v", r.Cut())
	}
	if !add(r, start, 0, 10, start, user(1)) {
		t.Error("the record that it jumped to is not taken")
	}
	if missed, err := r.Replay(user(1), at(10)); err != nil || !slices.Equal(texts(missed), []string{"0-10"}) {
		t.Errorf("behind the jump: %v, %v", texts(missed), err)
	}
}

// broken is why there is no replay from behind a point.
func broken(r *Ring, at cut.Point) error {
	_, err := r.Replay(user(1), cut.Cut{at})
	return err
}

// A leader that takes over with all that is in the log changes nothing for those who come back.
func TestAnotherLeaderIsNoGap(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	r.Begin(0, cut.Point{Offset: 4, LeaderEpoch: 2})
	points := []cut.Point{r.Cut()[0]}
	for offset := int64(4); offset < 40; offset++ {
		addOf(r, start, 0, offset, 2+int32(offset/7), start, user(1))
		points = append(points, r.Cut()[0])
	}
	for i, at := range points {
		if missed, err := r.Replay(user(1), cut.Cut{at}); err != nil || len(missed) != len(points)-1-i {
			t.Errorf("behind %v: %d, %v", at, len(missed), err)
		}
		for _, wrong := range []int32{at.LeaderEpoch - 1, at.LeaderEpoch + 1} {
			if err := broken(r, cut.Point{Offset: at.Offset, LeaderEpoch: wrong}); !errors.Is(err, ErrForked) {
				t.Errorf("at %d by leader %d: %v", at.Offset, wrong, err)
			}
		}
		if err := broken(r, cut.Point{Offset: at.Offset, LeaderEpoch: cut.Unknown}); err != nil { // of an edge that could not know
			t.Errorf("at %d, without a leader epoch: %v", at.Offset, err)
		}
	}
}

// What has fallen out takes the leader epochs along, but for the one before what is left.
func TestLeaderEpochsAreKnownDownToTheFloor(t *testing.T) {
	l := limits()
	l.Records = 5
	r := New(l, 1, time.Time{})
	for offset := range int64(200) {
		addOf(r, start, 0, offset, int32(offset/10), start, user(1))
		floor := offset + 1 - 5
		if floor <= 0 {
			continue
		}
		if err := broken(r, cut.Point{Offset: floor, LeaderEpoch: int32((floor - 1) / 10)}); err != nil {
			t.Errorf("at the floor %d: %v", floor, err)
		}
		if err := broken(r, cut.Point{Offset: floor, LeaderEpoch: int32(floor/10) + 1}); !errors.Is(err, ErrForked) {
			t.Errorf("at the floor %d, of another log: %v", floor, err)
		}
		if n := len(r.parts[0].lineage.reigns); n > 2 {
			t.Fatalf("%d leaders of %d records are remembered", n, r.Len())
		}
	}
}

func TestMemoryForLeaderEpochsIsBounded(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	for offset := range int64(500) {
		addOf(r, start, 0, offset, int32(offset), start, user(1))
	}
	if n := len(r.parts[0].lineage.reigns); n != maxEpochs {
		t.Errorf("%d leaders are remembered", n)
	}
	if missed, err := r.Replay(user(1), cut.Cut{{Offset: 500 - maxEpochs + 1, LeaderEpoch: 500 - maxEpochs}}); err != nil || len(missed) != maxEpochs-1 {
		t.Errorf("from the oldest that is known: %d, %v", len(missed), err)
	}
	if err := broken(r, cut.Point{Offset: 500 - maxEpochs, LeaderEpoch: 500 - maxEpochs - 1}); !errors.Is(err, ErrExpired) {
		t.Errorf("from before: %v", err)
	}
}

// Offsets are used again, and points are not.
func TestALogThatBecomesShorterKeepsItsPointsApart(t *testing.T) {
	for name, count := range map[string]func(life int32) int32{
		"leaders are counted":  func(life int32) int32 { return 3 + 2*life },
		"they are counted ill": func(int32) int32 { return 3 }, // as by a broker that was given an old copy of its disk
		"they are not counted": func(int32) int32 { return cut.Unknown },
	} {
		t.Run(name, func(t *testing.T) {
			r := New(limits(), 1, time.Time{})
			var before []cut.Point
			for life := range int32(4) {
				if life > 0 {
					// 5 is behind the records that were lost: what stands before it was written again.
					r.Jump(start, 0, Jump{To: cut.Point{Offset: 5, LeaderEpoch: count(life)}, Back: true, LeaderNow: count(life)}, "jump")
				}
				fresh := r.Cut()[0]
				for offset := fresh.Offset; offset < 20; offset++ { // behind all that was ever used
					if !addOf(r, start, 0, offset, count(life), start, user(1)) {
						t.Errorf("offset %d is taken for a repeat", offset)
					}
				}
				for _, at := range before {
					if err := broken(r, at); at.Offset > 0 && !errors.Is(err, ErrForked) && !errors.Is(err, GapError{Reason: "jump"}) {
						t.Errorf("life %d: a cut from before resumes at %v: %v", life, at, err)
					}
				}
				if missed, err := r.Replay(user(1), cut.Cut{fresh}); err != nil || len(missed) != int(20-fresh.Offset) {
					t.Errorf("a cut from after: %d, %v", len(missed), err)
				}
				for offset := fresh.Offset; offset <= 20; offset++ {
					epoch, _ := r.parts[0].lineage.before(offset)
					before = append(before, cut.Point{Offset: offset, LeaderEpoch: epoch})
				}
			}
		})
	}
}

// A client that has been given nothing of what was lost, and all before it, is where the log goes on.
func TestWhoHasNothingOfWhatWasLostResumes(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	for offset := range int64(10) {
		addOf(r, start, 0, offset, 1, start, user(1))
	}
	r.Jump(start, 0, Jump{To: cut.Point{Offset: 5, LeaderEpoch: 1}, Back: true, LeaderNow: 2}, "jump")
	addOf(r, start, 0, 5, 2, start, user(1))
	addOf(r, start, 0, 6, 2, start, user(1))
	if missed, err := r.Replay(user(1), cut.Cut{{Offset: 5, LeaderEpoch: 1}}); err != nil || !slices.Equal(texts(missed), []string{"0-5", "0-6"}) {
		t.Errorf("at the loss: %v, %v", texts(missed), err)
	}
	for _, offset := range []int64{6, 7, 8, 10} { // also where the log is not again
		if err := broken(r, cut.Point{Offset: offset, LeaderEpoch: 1}); !errors.Is(err, ErrForked) {
			t.Errorf("behind what was lost, at %d: %v", offset, err)
		}
	}
	if err := broken(r, cut.Point{Offset: 8, LeaderEpoch: 2}); !errors.Is(err, ErrAhead) {
		t.Errorf("behind what was not read: %v", err)
	}
	r.Evict(start.Add(time.Hour)) // what was lost falls out, too, and says nothing of what is left
	if err := broken(r, cut.Point{Offset: 7, LeaderEpoch: 2}); err != nil {
		t.Errorf("at the end: %v", err)
	}
}
