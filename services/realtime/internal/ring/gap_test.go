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
	r.Take(0, 1)
	r.Tear(0, "torn")
	add(r, start, 0, 2, start, user(1))
	for _, behind := range []cut.Cut{{0, 0}, {1, 0}} {
		if got := gapOf(t, r, behind); got != "torn" {
			t.Errorf("behind %v: %q", behind, got)
		}
	}
	if missed, err := r.Replay(user(1), cut.Cut{2, 0}); err != nil || !slices.Equal(texts(missed), []string{"0-2"}) {
		t.Errorf("behind the tear: %v, %v", texts(missed), err)
	}
	r.Evict(start.Add(time.Hour))
	if _, err := r.Replay(user(1), cut.Cut{2, 0}); !errors.Is(err, ErrExpired) {
		t.Errorf("once what is behind it has fallen out: %v", err)
	}
}

func TestAJumpForwardIsATear(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	add(r, start, 0, 0, start, user(1))
	r.Jump(start, 0, 10, false, "jump")
	if !slices.Equal(r.Cut(), cut.Cut{10}) || gapOf(t, r, cut.Cut{1}) != "jump" || gapOf(t, r, cut.Cut{9}) != "jump" {
		t.Errorf("the cut is %v", r.Cut())
	}
	if !add(r, start, 0, 10, start, user(1)) {
		t.Error("the record that it jumped to is not taken")
	}
	if missed, err := r.Replay(user(1), cut.Cut{10}); err != nil || !slices.Equal(texts(missed), []string{"0-10"}) {
		t.Errorf("behind the jump: %v, %v", texts(missed), err)
	}
}

// Offsets are used again, and points are not.
func TestALogThatBecomesShorterBeginsAGeneration(t *testing.T) {
	r := New(limits(), 1, time.Time{})
	for offset := range int64(10) {
		add(r, start, 0, offset, start, user(1))
	}
	old := r.Cut().Clone()
	for generation := int64(1); generation <= 3; generation++ {
		r.Jump(start, 0, 5, true, "jump")
		fresh := r.Cut().Clone()
		if want := cut.Point(generation, 5); fresh[0] != want || cut.OffsetAt(fresh[0]) != 5 {
			t.Errorf("the cut is %v, want %d", fresh, want)
		}
		for offset := int64(5); offset < 20; offset++ { // behind all that was ever used
			if !add(r, start, 0, offset, start, user(1)) {
				t.Errorf("offset %d is taken for a repeat", offset)
			}
		}
		if got := gapOf(t, r, old); got != "jump" {
			t.Errorf("a cut from before resumes with %q", got)
		}
		if missed, err := r.Replay(user(1), fresh); err != nil || len(missed) != 15 || missed[0].Point != fresh[0] {
			t.Errorf("a cut from after: %d, %v", len(missed), err)
		}
		old = r.Cut().Clone()
		// An edge that has not noticed, or one that has noticed more.
		if _, err := r.Replay(user(1), cut.Cut{cut.Point(generation+1, 0)}); !errors.Is(err, ErrAhead) {
			t.Errorf("a cut of another generation: %v", err)
		}
	}
}
