package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// at is a time within the tests' retention, kept what is shown by then.
var (
	at   = time.Date(2026, 11, 25, 12, 0, 0, 123_456_000, time.UTC)
	kept = store.Kept{Since: at.Add(-90 * 24 * time.Hour), Now: at.Add(time.Hour)}
)

func entry(user uuid.UUID, at time.Time) store.Entry {
	id := uuid.New()
	return store.Entry{UserID: user, ID: id, At: at, Event: fmt.Appendf(nil, `{"type":"SystemMessage","notificationId":%q}`, id)}
}

// filled puts n entries into a user's inbox, a second apart.
func filled(t *testing.T, s store.Store, user uuid.UUID, n int) (entries []store.Entry) {
	t.Helper()
	for i := range n {
		entries = append(entries, entry(user, at.Add(time.Duration(i)*time.Second)))
	}
	put(t, s, n, entries...)
	return entries
}

func put(t *testing.T, s store.Store, want int, entries ...store.Entry) {
	t.Helper()
	if added, err := s.Put(t.Context(), entries); err != nil || added != want {
		t.Fatalf("of %d entries %d are added, %v; want %d", len(entries), added, err, want)
	}
}

func read(t *testing.T, s store.Store, user uuid.UUID, span store.Span, kept store.Kept, limit int) []store.Entry {
	t.Helper()
	entries, err := s.Entries(t.Context(), user, span, kept, limit)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// wantIDs looks for these entries and no others, in this order.
func wantIDs(t *testing.T, what string, got []store.Entry, want ...store.Entry) {
	t.Helper()
	ids := func(entries []store.Entry) (ids []uuid.UUID) {
		for _, entry := range entries {
			ids = append(ids, entry.ID)
		}
		return ids
	}
	if !slices.Equal(ids(got), ids(want)) {
		t.Errorf("%s: %v, want %v", what, ids(got), ids(want))
	}
}

func wantUnread(t *testing.T, counts store.Counts, err error, unread int, newest int64) {
	t.Helper()
	if want := (store.Counts{Unread: unread, Newest: newest}); err != nil || counts != want {
		t.Errorf("counted %+v, %v; want %+v", counts, err, want)
	}
}

func entriesHavePositions(t *testing.T, s store.Store) {
	user := uuid.New()
	if got := read(t, s, user, store.Span{}, kept, 10); len(got) != 0 {
		t.Errorf("an inbox that was never used has %v", got)
	}
	// Positions follow the order in which entries come, whenever it happened.
	first, second := entry(user, at), entry(user, at.Add(-20*24*time.Hour))
	second.Expires = at.Add(2 * time.Hour)
	put(t, s, 2, first, second)
	put(t, s, 0)
	third := entry(user, at.Add(time.Minute))
	put(t, s, 1, third)
	got := read(t, s, user, store.Span{Oldest: true}, kept, 10)
	wantIDs(t, "all", got, first, second, third)
	for i, entry := range got {
		want := []store.Entry{first, second, third}[i]
		if entry.Position != int64(i+1) || entry.UserID != user || !entry.At.Equal(want.At) || entry.Read || string(entry.Event) != string(want.Event) {
			t.Errorf("entry %d is %+v, want %+v", i+1, entry, want)
		}
	}
}

func entriesAreThereOnce(t *testing.T, s store.Store) {
	user, other := uuid.New(), uuid.New()
	first := entry(user, at)
	again := first
	again.At = at.Add(store.Again - time.Second)
	put(t, s, 1, first, first)
	put(t, s, 0, first)
	put(t, s, 0, again)
	elsewhere := first
	elsewhere.UserID = other
	put(t, s, 1, elsewhere) // who else is told the same has it, too
	second := entry(user, at)
	put(t, s, 1, first, second, again)
	later := first
	later.At = at.Add(store.Again)
	put(t, s, 1, later)
	got := read(t, s, user, store.Span{Oldest: true}, kept, 10)
	wantIDs(t, "the inbox", got, first, second, later)
	if newest := got[len(got)-1].Position; newest != 3 {
		t.Errorf("the newest of three entries has the position %d", newest)
	}
}

func manyPut(t *testing.T, s store.Store) {
	users := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	const writers, each = 4, 10
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for range each {
				entries := []store.Entry{entry(users[0], at), entry(users[1], at), entry(users[2], at)}
				if w%2 == 1 {
					slices.Reverse(entries)
				}
				if added, err := s.Put(t.Context(), entries); err != nil || added != len(entries) {
					t.Errorf("added %d, %v", added, err)
				}
			}
		})
	}
	writing.Wait()
	for _, user := range users {
		for i, entry := range read(t, s, user, store.Span{Oldest: true}, kept, 100) {
			if entry.Position != int64(i+1) {
				t.Fatalf("entry %d has the position %d", i+1, entry.Position)
			}
		}
		counts, err := s.Unread(t.Context(), user, kept)
		wantUnread(t, counts, err, writers*each, writers*each)
	}
}

func inboxComesInPages(t *testing.T, s store.Store) {
	user := uuid.New()
	all := filled(t, s, user, 7)
	wantIDs(t, "the newest", read(t, s, user, store.Span{}, kept, 3), all[6], all[5], all[4])
	wantIDs(t, "the newest before", read(t, s, user, store.Span{Before: 5}, kept, 3), all[3], all[2], all[1])
	wantIDs(t, "the end", read(t, s, user, store.Span{Before: 2}, kept, 3), all[0])
	wantIDs(t, "the oldest behind", read(t, s, user, store.Span{From: 2, Oldest: true}, kept, 3), all[2], all[3], all[4])
	wantIDs(t, "between", read(t, s, user, store.Span{From: 2, Before: 5}, kept, 9), all[3], all[2])
	wantIDs(t, "behind the newest", read(t, s, user, store.Span{From: 7, Oldest: true}, kept, 3))
}

func expiredIsNotShown(t *testing.T, s store.Store) {
	user := uuid.New()
	stays, goes := entry(user, at), entry(user, at)
	goes.Expires = at.Add(time.Minute)
	put(t, s, 2, stays, goes)
	before, after := kept, kept
	before.Now, after.Now = goes.Expires.Add(-time.Microsecond), goes.Expires
	wantIDs(t, "before", read(t, s, user, store.Span{Oldest: true}, before, 9), stays, goes)
	wantIDs(t, "after", read(t, s, user, store.Span{Oldest: true}, after, 9), stays)
	counts, err := s.Unread(t.Context(), user, before)
	wantUnread(t, counts, err, 2, 2)
	counts, err = s.Unread(t.Context(), user, after)
	wantUnread(t, counts, err, 1, 2)
}

func oldIsNotShown(t *testing.T, s store.Store) {
	user := uuid.New()
	old, young := entry(user, at), entry(user, at.Add(time.Microsecond))
	put(t, s, 2, old, young)
	since := store.Kept{Since: at, Now: kept.Now}
	wantIDs(t, "what is kept", read(t, s, user, store.Span{}, since, 9), young)
	counts, err := s.Unread(t.Context(), user, since)
	wantUnread(t, counts, err, 1, 2)
}

func readDoesNotCount(t *testing.T, s store.Store) {
	user := uuid.New()
	counts, err := s.ReadUpTo(t.Context(), user, 5, kept)
	wantUnread(t, counts, err, 0, 0)
	all := filled(t, s, user, 5)
	counts, err = s.ReadUpTo(t.Context(), user, 2, kept)
	wantUnread(t, counts, err, 3, 5)
	counts, err = s.ReadUpTo(t.Context(), user, 1, kept) // marks never go back
	wantUnread(t, counts, err, 3, 5)
	counts, err = s.Read(t.Context(), user, []uuid.UUID{all[3].ID, all[0].ID, uuid.New()}, kept)
	wantUnread(t, counts, err, 2, 5)
	counts, err = s.Read(t.Context(), user, []uuid.UUID{all[3].ID}, kept)
	wantUnread(t, counts, err, 2, 5)
	counts, err = s.Read(t.Context(), user, nil, kept)
	wantUnread(t, counts, err, 2, 5)
	for i, entry := range read(t, s, user, store.Span{Oldest: true}, kept, 9) {
		if want := []bool{true, true, false, true, false}[i]; entry.Read != want {
			t.Errorf("entry %d is read: %t", i+1, entry.Read)
		}
	}
	counts, err = s.ReadUpTo(t.Context(), user, 1<<60, kept)
	wantUnread(t, counts, err, 0, 5)
	put(t, s, 1, entry(user, at)) // what was not there is not marked
	counts, err = s.Unread(t.Context(), user, kept)
	wantUnread(t, counts, err, 1, 6)
}

func unreadIsBounded(t *testing.T, s store.Store) {
	user := uuid.New()
	filled(t, s, user, store.Counted+1)
	counts, err := s.Unread(t.Context(), user, kept)
	wantUnread(t, counts, err, store.Counted, store.Counted+1)
}

func deletedIsErased(t *testing.T, s store.Store) {
	user, other := uuid.New(), uuid.New()
	filled(t, s, user, 5)
	stays := filled(t, s, other, 1)
	deleted := at.Add(time.Minute)
	for _, want := range []int{3, 2, 0} {
		if erased, err := s.Erase(t.Context(), user, deleted, 3); err != nil || erased != want {
			t.Fatalf("erased %d, %v; want %d", erased, err, want)
		}
	}
	put(t, s, 0, entry(user, at), entry(user, deleted.Add(store.Settle-time.Microsecond)))
	again := entry(user, deleted.Add(store.Settle)) // the backend has put the user again
	put(t, s, 1, again)
	if erased, err := s.Erase(t.Context(), user, deleted, 3); err != nil || erased != 0 {
		t.Errorf("the same deletion again has erased %d, %v", erased, err)
	}
	wantIDs(t, "the inbox", read(t, s, user, store.Span{}, kept, 9), again)
	wantIDs(t, "another's", read(t, s, other, store.Span{}, kept, 9), stays...)
	unused := uuid.New()
	if erased, err := s.Erase(t.Context(), unused, deleted, 3); err != nil || erased != 0 {
		t.Errorf("of an inbox that was never used %d are erased, %v", erased, err)
	}
	put(t, s, 0, entry(unused, at))
}

func clearedIsGone(t *testing.T, s store.Store) {
	user := uuid.New()
	old, stays, goes, later := entry(user, at.Add(-30*24*time.Hour)), entry(user, at), entry(user, at), entry(user, at)
	goes.Expires, later.Expires = at.Add(time.Minute), at.Add(time.Hour)
	put(t, s, 4, old, stays, goes, later)
	ended := uuid.New()
	if _, err := s.Erase(t.Context(), ended, at.Add(-30*24*time.Hour), 9); err != nil {
		t.Fatal(err)
	}
	now := store.Kept{Since: at.Add(-20 * 24 * time.Hour), Now: goes.Expires}
	for more := true; more; {
		var err error
		if more, err = s.Clear(t.Context(), now, 1); err != nil {
			t.Fatal(err)
		}
	}
	all := store.Kept{Since: at.Add(-100 * 24 * time.Hour), Now: at} // as if nothing had expired
	wantIDs(t, "what is left", read(t, s, user, store.Span{Oldest: true}, all, 9), stays, later)
	put(t, s, 1, entry(ended, at.Add(-30*24*time.Hour))) // of a deletion that is older than all that is kept nothing is remembered
	put(t, s, 1, entry(user, at))
	if got := read(t, s, user, store.Span{}, all, 1); got[0].Position != 5 {
		t.Errorf("the next entry has the position %d", got[0].Position)
	}
}

func inboxesAreApart(t *testing.T, s store.Store) {
	one, other := uuid.New(), uuid.New()
	mine, theirs := filled(t, s, one, 2), filled(t, s, other, 3)
	wantIDs(t, "one", read(t, s, one, store.Span{Oldest: true}, kept, 9), mine...)
	wantIDs(t, "other", read(t, s, other, store.Span{Oldest: true}, kept, 9), theirs...)
	counts, err := s.Read(t.Context(), one, []uuid.UUID{theirs[0].ID}, kept)
	wantUnread(t, counts, err, 2, 2)
	counts, err = s.ReadUpTo(t.Context(), one, 2, kept)
	wantUnread(t, counts, err, 0, 2)
	counts, err = s.Unread(t.Context(), other, kept)
	wantUnread(t, counts, err, 3, 3)
}
