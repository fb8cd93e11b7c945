package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// expiring are messages of a room that last, that expire in a moment and that have expired, edited ones among them.
type expiring struct {
	room                uuid.UUID
	soon                time.Time // when going goes
	lasting, going, all []store.Entry
}

func newExpiring(in time.Duration) expiring {
	e := expiring{room: newRoom(), soon: time.Now().Add(in)}
	later := time.Now().Add(time.Hour)
	for i, original := range line(e.room, 40) {
		edited := edit(original, events.Position{Offset: 1_000 + int64(i)}, "edited")
		switch i % 8 {
		case 0: // for ever
			e.lasting = append(e.lasting, original)
			e.all = append(e.all, original)
		case 1: // for long
			original.Expires, edited.Expires = later, later
			e.lasting = append(e.lasting, edited)
			e.all = append(e.all, original, edited)
		case 2, 3: // not for long
			original.Expires = e.soon
			e.going = append(e.going, original)
			e.all = append(e.all, original)
		case 4:
			original.Expires, edited.Expires = e.soon, e.soon
			e.going = append(e.going, edited)
			e.all = append(e.all, original, edited)
		case 5: // the retention was shortened in between
			original.Expires, edited.Expires = later, e.soon
			e.going = append(e.going, edited)
			e.all = append(e.all, original, edited)
		case 6: // it was extended
			original.Expires, edited.Expires = e.soon, later
			e.lasting = append(e.lasting, edited)
			e.all = append(e.all, original, edited)
		default: // over
			original.Expires = time.Now().Add(-time.Second)
			e.all = append(e.all, original)
		}
	}
	return e
}

func testExpiry(t *testing.T, s store.Store) {
	var e expiring
	var before, upwards []store.Entry
	downwards := store.Range{Before: events.EndOfLog}
	// Where the store takes longer than they last, they are written once more, for longer. A store counts in whole seconds.
	for in, inTime := 2*time.Second, false; !inTime; in *= 2 {
		if in > timeout {
			t.Fatalf("%s are too short to write and to read what expires", in/2)
		}
		e = newExpiring(in)
		appendAll(t, s, e.all...)
		before = walked(t, s, e.room, 7, downwards)
		upwards = walked(t, s, e.room, 7, store.Range{Before: events.EndOfLog, Oldest: true})
		inTime = time.Now().Before(e.soon.Add(-time.Second))
	}
	room, lasting, going, all := e.room, e.lasting, e.going, e.all
	same(t, "before anything expires", before, newestFirst(slices.Concat(lasting, going)))
	same(t, "before anything expires, upwards", upwards, newestFirst(slices.Concat(lasting, going)))

	late := time.Now().Add(timeout)
	for left := len(going); left > 0; {
		if time.Now().After(late) {
			t.Fatalf("%d messages do not expire", left)
		}
		time.Sleep(100 * time.Millisecond)                           // the store's own clock runs
		left = len(walked(t, s, room, 50, downwards)) - len(lasting) // one way: they may expire between two walks
	}
	for range 2 {
		for _, limit := range []int{1, 2, 3, 50} {
			same(t, "what lasts", whole(t, s, room, limit), newestFirst(lasting))
		}
		for _, entry := range going {
			findNot(t, s, room, entry.Message.ID)
		}
		for _, entry := range lasting {
			find(t, s, entry)
		}
		for _, entry := range revised(t, s, room, store.Range{Before: events.EndOfLog}, 5) {
			if !slices.ContainsFunc(lasting, func(e store.Entry) bool { return e.Position == entry.Position }) {
				t.Errorf("what has expired was revised: %+v", entry)
			}
		}
		appendAll(t, s, store.Lasting(all, time.Now())...) // the log is read again
	}
}

// testSince looks for the first messages since times of all kinds in a room whose clocks were apart.
func testSince(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(48, 5403))
	room := newRoom()
	all := line(room, 200)
	for i := range all {
		all[i].Message.CreatedAt.Time = all[i].Message.CreatedAt.Add(time.Duration(random.Int64N(int64(5 * time.Millisecond)))).Truncate(time.Microsecond)
		if i > 150 { // in a later bucket
			all[i].Message.CreatedAt.Time = all[i].Message.CreatedAt.Add(30 * 24 * time.Hour)
		}
	}
	appendAll(t, s, all...)
	byTime := slices.Clone(all)
	slices.SortFunc(byTime, func(a, b store.Entry) int {
		if by := a.Message.CreatedAt.Compare(b.Message.CreatedAt.Time); by != 0 {
			return by
		}
		return a.Position.Compare(b.Position)
	})
	end := byTime[len(byTime)-1].Message.CreatedAt.Time
	times := []time.Time{start.Add(-400 * 24 * time.Hour), start, start.Add(20 * 24 * time.Hour), end, end.Add(time.Microsecond)}
	for range 30 {
		times = append(times, byTime[random.IntN(len(byTime))].Message.CreatedAt.Time)
	}
	for _, at := range times {
		behind := slices.DeleteFunc(slices.Clone(byTime), func(e store.Entry) bool { return e.Message.CreatedAt.Before(at) })
		window := behind[:min(len(behind), store.LocateWindow)]
		got, found, err := s.Since(t.Context(), room, at)
		if err != nil || found != (len(window) > 0) {
			t.Fatalf("since %s: %v, %t, %v", at, got, found, err)
		}
		if !found {
			continue
		}
		want := slices.MinFunc(window, func(a, b store.Entry) int { return a.Position.Compare(b.Position) }).Position
		if got != want {
			t.Errorf("since %s the first is %v, want %v", at, got, want)
		}
	}
	if _, found, err := s.Since(t.Context(), newRoom(), start); found || err != nil {
		t.Errorf("an empty room has something since a time: %v", err)
	}
}
