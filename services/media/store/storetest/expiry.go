package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

func (f *fixture) referUntil(t testing.TB, medium, message uuid.UUID, offset int64, expires time.Time) {
	t.Helper()
	if err := f.Refer(t.Context(), medium, message, position(offset), expires); err != nil {
		t.Fatalf("refer: %v", err)
	}
}

func (f *fixture) expireUses(t testing.TB, limit int) int {
	t.Helper()
	expired, err := f.ExpiredUses(t.Context(), f.clock(), limit)
	if err != nil {
		t.Fatalf("expire uses: %v", err)
	}
	return expired
}

func expiredMessageUsesNothing(t *testing.T, f *fixture) {
	const hour = time.Hour
	begin := f.clock()
	one, two, edited, forever := f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New())
	first, late, revised := uuid.New(), uuid.New(), uuid.New()
	f.referUntil(t, one.ID, first, 1, begin.Add(hour))
	f.referUntil(t, two.ID, uuid.New(), 2, begin.Add(hour))
	f.referUntil(t, two.ID, late, 3, begin.Add(2*hour))
	f.referUntil(t, edited.ID, revised, 4, begin.Add(hour))
	f.referUntil(t, edited.ID, revised, 6, begin.Add(3*hour))
	f.refer(t, forever.ID, uuid.New(), 5)
	f.wait(hour - time.Microsecond)
	if expired := f.expireUses(t, 10); expired != 0 {
		t.Errorf("before that %d have expired", expired)
	}
	f.wait(time.Microsecond)
	if expired := []int{f.expireUses(t, 1), f.expireUses(t, 1), f.expireUses(t, 1)}; !slices.Equal(expired, []int{1, 1, 0}) {
		t.Errorf("one by one %v have expired", expired)
	}
	is := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, id := range []uuid.UUID{one.ID, two.ID, edited.ID, forever.ID} {
			got = append(got, string(f.state(t, id)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s they are %v, want %v", when, got, want)
		}
	}
	ready, deleted := string(wire.MediaReady), string(wire.MediaDeleted)
	is("after an hour", deleted, ready, ready, ready)
	f.referUntil(t, one.ID, first, 1, begin.Add(hour)) // the log again
	f.wait(hour)
	if expired := f.expireUses(t, 10); expired != 1 {
		t.Errorf("after two hours %d have expired", expired)
	}
	is("after two hours", deleted, deleted, ready, ready)
	f.wait(hour)
	f.expireUses(t, 10)
	is("after three hours", deleted, deleted, deleted, ready)
	f.wait(1000 * hour)
	if expired := f.expireUses(t, 10); expired != 0 {
		t.Errorf("at last %d have expired", expired)
	}
	is("at last", deleted, deleted, deleted, ready)
}

func usesAreKnown(t *testing.T, f *fixture) {
	m, other := f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New())
	messages := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for i, message := range messages {
		f.refer(t, m.ID, message, int64(i))
	}
	f.refer(t, other.ID, uuid.New(), 9)
	f.unrefer(t, messages[2])
	uses := func(limit int) []uuid.UUID {
		t.Helper()
		got, err := f.Uses(t.Context(), m.ID, limit)
		if err != nil {
			t.Fatal(err)
		}
		return distinctSorted(got)
	}
	if got, want := uses(10), distinctSorted(messages[:2]); !slices.Equal(got, want) {
		t.Errorf("it is used by %v, want %v", got, want)
	}
	if got := uses(1); len(got) != 1 {
		t.Errorf("of at most one, it is used by %v", got)
	}
	if got, err := f.Uses(t.Context(), uuid.New(), 10); err != nil || len(got) > 0 {
		t.Errorf("one that there is not is used by %v, %v", got, err)
	}
}

func distinctSorted(ids []uuid.UUID) []uuid.UUID {
	return slices.Compact(slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }))
}
