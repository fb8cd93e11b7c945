package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

func testLocateExactly(t *testing.T, s store.Store) {
	room := newRoom()
	var entries []store.Entry
	for i := range 12 { // three messages at each of four times
		entries = append(entries, message(room, events.Position{Offset: int64(i)}, start.Add(time.Duration(i/3)*time.Second), "tied"))
	}
	appendAll(t, s, entries...)
	for i, entry := range entries {
		within := locate(t, s, room, entry.Message.CreatedAt.Time)
		highest := i/3*3 + 2
		if within != (store.Range{Before: entries[highest].Position}) {
			t.Errorf("the time of message %d gives %+v, want the range before message %d", i, within, highest)
		}
		same(t, "page before a time", page(t, s, room, within, 25), newestFirst(entries[:highest]))
	}
}

func testLocateBetween(t *testing.T, s store.Store) {
	room := newRoom()
	entries := line(room, 100)
	appendAll(t, s, entries...)
	for i, entry := range entries {
		at := entry.Message.CreatedAt.Add(time.Microsecond)
		same(t, "page between messages", page(t, s, room, locate(t, s, room, at), 200), newestFirst(entries[:i+1]))
	}
	same(t, "page before all", page(t, s, room, locate(t, s, room, start.Add(-time.Microsecond)), 200), nil)
	same(t, "page before all by far", page(t, s, room, locate(t, s, room, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), 200), nil)
	same(t, "page behind all", page(t, s, room, locate(t, s, room, start.AddDate(1, 0, 0)), 200), newestFirst(entries))
	same(t, "page behind all by far", page(t, s, room, locate(t, s, room, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)), 200), newestFirst(entries))

	// The message with the latest clock stands before one whose clock was behind: both are before the time.
	skewed := newRoom()
	late := message(skewed, events.Position{Offset: 1}, start.Add(2*time.Second), "clock ahead")
	early := message(skewed, events.Position{Offset: 2}, start, "clock behind")
	after := message(skewed, events.Position{Offset: 3}, start.Add(4*time.Second), "after")
	appendAll(t, s, late, early, after)
	same(t, "page among skewed clocks", page(t, s, skewed, locate(t, s, skewed, start.Add(3*time.Second)), 25), []store.Entry{early, late})
	same(t, "page that leaves out a clock ahead", page(t, s, skewed, locate(t, s, skewed, start.Add(time.Second)), 25), []store.Entry{early})
}

// modelPage is what [store.Store.Page] must give of a timeline.
func modelPage(timeline []store.Entry, within store.Range, limit int) []store.Entry {
	var found []store.Entry
	for _, entry := range timeline {
		in := entry.Position.Compare(within.From) >= 0 && entry.Position.Compare(within.Before) < 0 &&
			(within.CreatedBefore.IsZero() || entry.Message.CreatedAt.Before(within.CreatedBefore))
		if in {
			found = append(found, entry)
		}
	}
	if within.Oldest {
		return found[max(len(found)-limit, 0):]
	}
	return found[:min(len(found), limit)]
}

// modelLocate is what [store.Store.Locate] must give of a timeline.
func modelLocate(timeline []store.Entry, at time.Time) store.Range {
	byTime := slices.Clone(timeline)
	slices.SortFunc(byTime, func(a, b store.Entry) int {
		return cmp.Or(b.Message.CreatedAt.Compare(a.Message.CreatedAt.Time), b.Position.Compare(a.Position))
	})
	within := store.Range{CreatedBefore: at}
	seen := 0
	for _, entry := range byTime {
		switch entry.Message.CreatedAt.Compare(at) {
		case 0:
			return store.Range{Before: entry.Position}
		case -1:
			if seen++; seen > store.LocateWindow {
				return within
			}
			if entry.Position.Next().Compare(within.Before) > 0 {
				within.Before = entry.Position.Next()
			}
		}
	}
	return within
}
