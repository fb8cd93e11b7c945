package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

// wantRetention looks at what is set of a room.
func wantRetention(t *testing.T, s store.Store, room uuid.UUID, days int, set bool) {
	t.Helper()
	if gotDays, gotSet, err := s.Retention(t.Context(), room); err != nil || gotDays != days || gotSet != set {
		t.Errorf("the retention is %d, %t, %v; want %d, %t", gotDays, gotSet, err, days, set)
	}
}

func testRetentions(t *testing.T, s store.Store) {
	room, other := newRoom(), newRoom()
	wantRetention(t, s, room, 0, false)
	if err := s.UnsetRetention(t.Context(), room); err != nil {
		t.Errorf("unset what was not set: %v", err)
	}
	for _, days := range []int{30, 0, 3650, 2, 2} { // 0 is set, too
		if err := s.SetRetention(t.Context(), room, days); err != nil {
			t.Fatalf("set %d days: %v", days, err)
		}
		wantRetention(t, s, room, days, true)
	}
	if err := s.SetRetention(t.Context(), other, 7); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.UnsetRetention(t.Context(), room); err != nil {
			t.Fatalf("unset: %v", err)
		}
		wantRetention(t, s, room, 0, false)
		wantRetention(t, s, other, 7, true)
	}
	if err := s.SetRetention(t.Context(), room, 14); err != nil {
		t.Fatal(err)
	}
	wantRetention(t, s, room, 14, true)
}

// testParallelRetentions has many set one room's at once: all read the same afterwards.
func testParallelRetentions(t *testing.T, s store.Store) {
	room := newRoom()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := s.SetRetention(t.Context(), room, 10+i); err != nil {
				t.Errorf("set %d days: %v", 10+i, err)
			}
		})
	}
	all.Wait()
	first, set, err := s.Retention(t.Context(), room)
	if err != nil || !set || first < 10 || first > 17 {
		t.Fatalf("the retention is %d, %t, %v", first, set, err)
	}
	for range 8 {
		wantRetention(t, s, room, first, true)
	}
}

func testRetentionsBeforeRun(t *testing.T, s store.Store) {
	_, _, err := s.Retention(t.Context(), newRoom())
	for what, err := range map[string]error{
		"reading": err, "setting": s.SetRetention(t.Context(), newRoom(), 30), "unsetting": s.UnsetRetention(t.Context(), newRoom()),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s a retention gives %v, want ErrUnavailable", what, err)
		}
	}
}
