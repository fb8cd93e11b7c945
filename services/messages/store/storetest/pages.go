package storetest

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

func testEmptyRoom(t *testing.T, s store.Store) {
	room := newRoom()
	same(t, "newest page", page(t, s, room, store.Range{Before: events.EndOfLog}, 25), nil)
	same(t, "page before a position", page(t, s, room, store.Range{Before: events.Position{Offset: 7}}, 25), nil)
	within := locate(t, s, room, start)
	same(t, "page before a time", page(t, s, room, within, 25), nil)
}

func testRoundTrip(t *testing.T, s store.Store) {
	room := newRoom()
	texts := []string{
		"plain", "Ünïcödé ß", "日本語のテキスト", "🤗👩‍👩‍👧‍👦🏳️‍🌈", "שלום \u202e עולם", "e\u0301 and é", `quotes " ' \ and <tags> & more`,
		"a\nb\tc\r\n", "\u0001\u001f\u007f", "\ufeff\u200b", "\U0010ffff", strings.Repeat("😀", 4000),
	}
	times := []time.Time{
		start, start.Add(time.Microsecond), start.Add(999 * time.Microsecond), start.Add(time.Hour + 123456*time.Microsecond),
		time.Unix(0, 0), time.Unix(-1, 999_999_000), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	}
	var entries []store.Entry
	for i, text := range texts {
		entries = append(entries, message(room, events.Position{Offset: int64(i)}, times[i%len(times)], text))
	}
	entries[0].Message.Mentions = users(50)
	appendAll(t, s, entries...)
	same(t, "page", page(t, s, room, store.Range{Before: events.EndOfLog}, 100), newestFirst(entries))
}

func testIdempotence(t *testing.T, s store.Store) {
	room := newRoom()
	entries := line(room, 60)
	appendAll(t, s, entries...)
	appendAll(t, s, entries...)
	for _, entry := range entries {
		appendAll(t, s, entry)
	}
	slices.Reverse(entries)
	appendAll(t, s, slices.Concat(entries[:30], entries[:10])...)
	same(t, "timeline", whole(t, s, room, 7), newestFirst(entries))
	if got := locate(t, s, room, entries[0].Message.CreatedAt.Time); got.Before != entries[0].Position {
		t.Errorf("the newest message is located before %v, want %v", got.Before, entries[0].Position)
	}
}

func testPageEdges(t *testing.T, s store.Store) {
	room := newRoom()
	entries := line(room, 10)
	appendAll(t, s, entries...)
	want := newestFirst(entries)
	for limit := 1; limit <= 12; limit++ {
		same(t, "newest page", page(t, s, room, store.Range{Before: events.EndOfLog}, limit), want[:min(limit, 10)])
	}
	for i, entry := range want {
		same(t, "page before a message", page(t, s, room, store.Range{Before: entry.Position}, 25), want[i+1:])
		same(t, "page behind a message", page(t, s, room, store.Range{Before: entry.Position.Next()}, 25), want[i:])
		same(t, "page from a message", page(t, s, room, store.Range{From: entry.Position, Before: events.EndOfLog, Oldest: true}, 25), want[:i+1])
		same(t, "the message alone", page(t, s, room, store.Range{From: entry.Position, Before: entry.Position.Next()}, 25), want[i:i+1])
	}
	same(t, "page before all", page(t, s, room, store.Range{}, 25), nil)
}

func testEpochs(t *testing.T, s store.Store) {
	room := newRoom()
	var entries []store.Entry
	for epoch := range int32(3) {
		for _, offset := range []int64{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1 << 40} {
			// The clock runs backwards from epoch to epoch, which must not matter.
			at := start.Add(time.Duration(-epoch)*30*24*time.Hour + time.Duration(offset)*time.Microsecond)
			entries = append(entries, message(room, events.Position{Epoch: epoch, Offset: offset}, at, "in an epoch"))
		}
	}
	appendAll(t, s, entries...)
	want := newestFirst(entries)
	for limit := 1; limit <= len(want)+1; limit++ {
		same(t, "timeline", whole(t, s, room, limit), want)
	}
	same(t, "page before an epoch", page(t, s, room, store.Range{Before: events.Position{Epoch: 2}}, 100), want[6:])
	same(t, "page in an epoch", page(t, s, room, store.Range{Before: events.Position{Epoch: 1, Offset: math.MaxInt64}}, 100), want[6:])
}

func testSkewedClocks(t *testing.T, s store.Store) {
	room := newRoom()
	var entries []store.Entry
	for i := range 300 {
		at := start.Add(time.Duration(i) * 10 * time.Millisecond) // passes the edge of a bucket
		switch i % 5 {
		case 1:
			at = at.Add(-400 * time.Millisecond)
		case 2:
			at = at.Add(700 * time.Millisecond)
		case 3:
			at = at.AddDate(0, 0, -i)
		case 4:
			at = at.AddDate(i/20, 0, i)
		}
		entries = append(entries, message(room, events.Position{Offset: int64(i) << 16}, at, "skewed"))
	}
	for batch := range slices.Chunk(entries, 17) {
		appendAll(t, s, batch...)
	}
	want := newestFirst(entries)
	for _, limit := range []int{7, 25, 26, 299, 300, 301} {
		same(t, "timeline", whole(t, s, room, limit), want)
	}
}

func testWalk(t *testing.T, s store.Store) {
	room := newRoom()
	const before, during = 4000, 1000
	entries := line(room, before+during)
	for batch := range slices.Chunk(entries[:before], 500) {
		appendAll(t, s, batch...)
	}
	first := page(t, s, room, store.Range{Before: events.EndOfLog}, 37)
	arriving := make(chan error, 1)
	go func() {
		for batch := range slices.Chunk(entries[before:], 10) {
			if err := s.Append(t.Context(), batch); err != nil {
				arriving <- err
				return
			}
		}
		arriving <- nil
	}()
	walked := first
	for last := first; len(last) > 0; {
		last = page(t, s, room, store.Range{Before: last[len(last)-1].Position}, 37)
		walked = append(walked, last...)
	}
	if err := <-arriving; err != nil {
		t.Fatalf("append at the head: %v", err)
	}
	same(t, "walk", walked, newestFirst(entries[:before]))
	same(t, "walk afterwards", whole(t, s, room, 100), newestFirst(entries))
}

func testRoomsApart(t *testing.T, s store.Store) {
	one, other := newRoom(), newRoom()
	inOne, inOther := line(one, 20), line(other, 30)
	appendAll(t, s, slices.Concat(inOne, inOther)...)
	same(t, "one room", whole(t, s, one, 8), newestFirst(inOne))
	same(t, "the other room", whole(t, s, other, 8), newestFirst(inOther))
}

func testLargeBatch(t *testing.T, s store.Store) {
	room := newRoom()
	entries := make([]store.Entry, 500)
	for i := range entries {
		entries[i] = message(room, events.Position{Offset: int64(i)}, start.Add(time.Duration(i)*time.Minute), strings.Repeat("🤗", 1000))
	}
	appendAll(t, s, entries...)
	same(t, "timeline", whole(t, s, room, 100), newestFirst(entries))
}

// testModel writes random messages and their revisions in random order, some of them again, and compares random questions with
// what a slice gives. The seed is fixed, so a failure comes again.
func testModel(t *testing.T, s store.Store) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 5403))
		room := newRoom()
		originals := randomEntries(random, room)
		if seed%2 == 1 {
			for i := range originals {
				originals[i].Pace = paces[random.IntN(len(paces))]
			}
		}
		var entries []store.Entry
		model := newestFirst(originals)
		for i, original := range model {
			contents := []store.Entry{original}
			if random.IntN(3) == 0 {
				contents = append(contents, revisions(random, original, 3)...)
			}
			entries = append(entries, contents...)
			model[i] = newest(contents)
		}
		random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		for batch := range slices.Chunk(entries, 1+random.IntN(60)) {
			appendAll(t, s, batch...)
			if random.IntN(4) == 0 {
				appendAll(t, s, batch...)
			}
		}
		same(t, "timeline", whole(t, s, room, 1+random.IntN(50)), model)
		for range 60 {
			limit := 1 + random.IntN(40)
			within := store.Range{Before: events.Position{Epoch: random.Int32N(4), Offset: random.Int64N(1 << 24)}}
			if random.IntN(3) == 0 {
				within.From = events.Position{Epoch: random.Int32N(3), Offset: random.Int64N(1 << 23)}
			}
			within.Oldest = random.IntN(2) == 0
			if random.IntN(2) == 0 {
				within.CreatedBefore = randomTime(random, model)
			}
			same(t, "random page", page(t, s, room, within, limit), modelPage(model, within, limit))
			at := randomTime(random, model)
			got, want := locate(t, s, room, at), modelLocate(model, at)
			if got.Before != want.Before || !got.CreatedBefore.Equal(want.CreatedBefore) {
				t.Fatalf("seed %d: locate %s gives %+v, want %+v", seed, at, got, want)
			}
			message := model[random.IntN(len(model))]
			same(t, "random message", []store.Entry{find(t, s, message)}, []store.Entry{message})
		}
	}
}

func randomEntries(random *rand.Rand, room uuid.UUID) []store.Entry {
	taken := map[events.Position]bool{}
	var entries []store.Entry
	for range 200 + random.IntN(200) {
		position := events.Position{Epoch: random.Int32N(3), Offset: random.Int64N(1 << 23)}
		if taken[position] {
			continue
		}
		taken[position] = true
		// Mostly in step with the position, some days off; coarse, so that there are ties.
		at := start.Add(time.Duration(position.Offset>>10)*time.Minute).AddDate(0, 0, random.IntN(5)-2).Truncate(time.Hour)
		if random.IntN(20) == 0 {
			at = at.AddDate(0, random.IntN(48)-24, 0)
		}
		entries = append(entries, message(room, position, at, "random"))
	}
	return entries
}

func randomTime(random *rand.Rand, model []store.Entry) time.Time {
	at := model[random.IntN(len(model))].Message.CreatedAt
	return at.Add(time.Duration(random.IntN(3)-1) * time.Duration(random.Int64N(int64(48*time.Hour)))).Truncate(time.Microsecond)
}
