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

// paces are those that rooms may have.
var paces = []events.Pace{0, 17, 20, 23, 26}

// busy makes messages of a room that is quiet, gets busy, and gets quiet again: few, but over several spans of offsets, and over the edge of a bucket.
func busy(room uuid.UUID) []store.Entry {
	var entries []store.Entry
	at := start.Add(-time.Second)
	say := func(n int, apart int64, pace ...events.Pace) {
		for i := range n {
			var offset int64
			if len(entries) > 0 {
				offset = entries[len(entries)-1].Position.Offset + apart
			}
			at = at.Add(20 * time.Millisecond)
			entry := message(room, events.Position{Offset: offset}, at, "busy")
			entry.Pace = pace[i%len(pace)]
			entries = append(entries, entry)
		}
	}
	say(20, 7_000, 0)
	say(60, 30_000, 17)     // some in each of the narrowest slices
	say(6, 1_100, 17, 0)    // who joins, and what is sent by a process that has just started
	say(30, 200_000, 20)    // some in each of the next wider
	say(8, 1<<17, 17)       // one in each
	say(10, 1_000_000, 23)  // and so on
	say(10, 10_000_000, 26) // one or two in a span
	say(20, 10_000_000, 0)
	return entries
}

func testBusyRoom(t *testing.T, s store.Store) {
	room := newRoom()
	entries := busy(room)
	random := rand.New(rand.NewPCG(17, 5403))
	shuffled := slices.Clone(entries)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for batch := range slices.Chunk(shuffled, 31) {
		appendAll(t, s, batch...)
	}
	appendAll(t, s, shuffled...) // a replay
	want := newestFirst(entries)
	for _, limit := range []int{1, 7, 25, 50, len(want), len(want) + 1} {
		same(t, "timeline", whole(t, s, room, limit), want)
	}
	for range 60 {
		within := store.Range{Before: want[random.IntN(len(want))].Position.Next(), Oldest: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			within.From = want[random.IntN(len(want))].Position
		}
		if random.IntN(3) == 0 {
			within.CreatedBefore = want[random.IntN(len(want))].Message.CreatedAt.Time
		}
		limit := 1 + random.IntN(60)
		same(t, "page", page(t, s, room, within, limit), modelPage(want, within, limit))
		at := want[random.IntN(len(want))].Message.CreatedAt.Add(time.Duration(random.IntN(2)) * time.Millisecond)
		if got, want := locate(t, s, room, at), modelLocate(want, at); got.Before != want.Before || !got.CreatedBefore.Equal(want.CreatedBefore) {
			t.Errorf("%s is located at %+v, want %+v", at, got, want)
		}
	}
	for _, entry := range entries {
		same(t, "message by id", []store.Entry{find(t, s, entry)}, []store.Entry{entry})
	}
}

// Revisions of what is read and of what was written come to the same place, before the message and after it; so do other messages, which are refused.
func testBusyRevisions(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(20, 5403))
	room := newRoom()
	entries := busy(room)
	var contents []store.Entry
	want := newestFirst(entries)
	for i, original := range want {
		made := []store.Entry{original}
		if i%3 == 0 {
			made = append(made, revisions(random, original, 3)...)
		}
		contents = append(contents, made...)
		want[i] = newest(made)
	}
	random.Shuffle(len(contents), func(i, j int) { contents[i], contents[j] = contents[j], contents[i] })
	for batch := range slices.Chunk(contents, 40) {
		appendAll(t, s, batch...)
	}
	same(t, "timeline", whole(t, s, room, 30), want)
	for i := range want {
		if i%7 != 0 || !want[i].DeletedAt.IsZero() {
			continue
		}
		read := find(t, s, want[i])
		want[i] = edit(read, events.Position{Epoch: 9, Offset: int64(i)}, "as it was read")
		appendAll(t, s, want[i])
		same(t, "message by id", []store.Entry{find(t, s, read)}, want[i:i+1])
	}
	same(t, "timeline", whole(t, s, room, 50), want)
	for i, entry := range entries {
		if i%9 != 0 {
			continue
		}
		for _, pace := range paces {
			other := message(room, entry.Position, entry.Message.CreatedAt.Time, "another message")
			other.Pace = pace
			refuse(t, s, "another message", other)
		}
	}
	same(t, "timeline", whole(t, s, room, 50), want)
}

// A message that was sent again while its room got busy, or quiet, stays at its first position.
func testBusyWithdraw(t *testing.T, s store.Store) {
	room, noon := newRoom(), start.Add(-12*time.Hour)
	var want []store.Entry
	for i, of := range paces {
		for j, ofAgain := range paces {
			first := keyed(room, int64(i*5+j)<<22, noon)
			first.Pace = of
			second := again(first, first.Position.Offset+3<<17)
			second.Pace = ofAgain
			appendAll(t, s, second)
			appendAll(t, s, edit(second, events.Position{Offset: 1 << 40}, "written through"))
			found, err := s.FirstPositions(t.Context(), []store.Key{store.KeyOf(first)})
			if err != nil || found[store.KeyOf(first)] != second.Position {
				t.Errorf("before the first is there it is at %v, %v", found, err)
			}
			appendAll(t, s, first)
			if err := s.Withdraw(t.Context(), []store.Entry{second}); err != nil {
				t.Fatal(err)
			}
			appendAll(t, s, second)
			found, err = s.FirstPositions(t.Context(), []store.Key{store.KeyOf(first)})
			if err != nil || found[store.KeyOf(first)] != first.Position {
				t.Errorf("the first position is %v, %v", found, err)
			}
			want = append(want, first)
		}
	}
	same(t, "timeline", whole(t, s, room, 10), newestFirst(want))
}
