package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// revised walks what has been revised in a range.
func revised(t *testing.T, s store.Store, room uuid.UUID, within store.Range, limit int) (all []store.Entry) {
	t.Helper()
	for within.From.Compare(within.Before) < 0 {
		entries, end, err := s.Revised(t.Context(), room, within, limit)
		if err != nil {
			t.Fatalf("what was revised: %v", err)
		}
		if len(entries) > limit || end.Compare(within.From) <= 0 || end.Compare(within.Before) > 0 {
			t.Fatalf("of %+v there are %d messages, all before %v", within, len(entries), end)
		}
		all = append(all, entries...)
		within.From = end
	}
	return all
}

// testRevised revises messages in several spans and epochs, some of them again and again, some after their deletion, in random order and twice: each is found at the
// record that made its newest content, and at no other.
func testRevised(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(12, 5403))
	room := newRoom()
	var written []store.Entry
	want := map[events.Position]store.Entry{}
	next := events.Position{Offset: 1_000}
	for i, original := range line(room, 30) {
		contents := []store.Entry{original}
		for range i % 4 {
			next.Offset += random.Int64N(1 << 19)
			if i > 20 {
				next.Epoch = 2
			}
			revision := edit(original, next, "revised")
			if random.IntN(4) == 0 {
				revision = deletion(original, next)
			}
			contents = append(contents, revision)
		}
		if last := newest(contents); last.Revision != (events.Position{}) {
			want[last.Revision] = last
		}
		written = append(written, contents...)
	}
	written = append(written, written[:20]...)
	random.Shuffle(len(written), func(i, j int) { written[i], written[j] = written[j], written[i] })
	for batch := range slices.Chunk(written, 7) {
		appendAll(t, s, batch...)
	}
	appendAll(t, s, message(room, events.Position{Epoch: 5}, start, "never revised"))
	var all []store.Entry
	for _, entry := range want {
		all = append(all, entry)
	}
	slices.SortFunc(all, func(a, b store.Entry) int { return a.Revision.Compare(b.Revision) })
	for _, limit := range []int{1, 4, 100} {
		same(t, "what was revised", revised(t, s, room, store.Range{Before: events.EndOfLog}, limit), all)
		for i, entry := range all {
			same(t, "since a revision", revised(t, s, room, store.Range{From: entry.Revision, Before: events.EndOfLog}, limit), all[i:])
			same(t, "before it", revised(t, s, room, store.Range{Before: entry.Revision}, limit), all[:i])
		}
	}
	same(t, "in another room", revised(t, s, newRoom(), store.Range{Before: events.EndOfLog}, 10), nil)
}
