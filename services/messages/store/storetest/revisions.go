package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// edit makes the revision of an entry by a record at a position.
func edit(entry store.Entry, by events.Position, text string) store.Entry {
	body, err := json.Marshal(wire.TextBody{Text: text})
	if err != nil {
		panic(err)
	}
	entry.Revision, entry.Message.Body = by, body
	entry.EditedAt = entry.Message.CreatedAt.Add(time.Duration(by.Offset) * time.Microsecond)
	return entry
}

// deletion makes the revision that deletes an entry. It keeps an EditedAt that the entry has.
func deletion(entry store.Entry, by events.Position) store.Entry {
	entry.Revision, entry.Message.Body, entry.Message.Mentions = by, json.RawMessage(`{}`), nil
	entry.DeletedAt = entry.Message.CreatedAt.Add(time.Duration(by.Offset) * time.Microsecond)
	return entry
}

func testFind(t *testing.T, s store.Store) {
	room, other := newRoom(), newRoom()
	entries := line(room, 40)
	appendAll(t, s, entries...)
	for _, entry := range entries {
		same(t, "message by id", []store.Entry{find(t, s, entry)}, []store.Entry{entry})
	}
	findNot(t, s, room, uuid.Must(uuid.NewV7()))
	findNot(t, s, room, uuid.New())
	findNot(t, s, newRoom(), entries[0].Message.ID)

	// Ids tell nothing of the time, and the clocks are years apart.
	var apart []store.Entry
	for i := range 30 {
		entry := message(other, events.Position{Offset: int64(i) << 19}, start.AddDate(0, -i*i, i), "apart")
		entry.Message.ID = uuid.New()
		apart = append(apart, entry)
	}
	appendAll(t, s, apart...)
	for _, entry := range apart {
		same(t, "message by random id", []store.Entry{find(t, s, entry)}, []store.Entry{entry})
	}
	findNot(t, s, other, uuid.New())
	findNot(t, s, other, entries[0].Message.ID)

	// One id at two positions of a log is two entries; its message is the first.
	first := entries[7]
	again := first
	again.Position.Offset += 1000
	again.Message.CreatedAt = wire.At(again.Message.CreatedAt.Add(time.Millisecond))
	appendAll(t, s, again)
	same(t, "message at two positions", []store.Entry{find(t, s, first)}, []store.Entry{first})
	appendAll(t, s, first)
	same(t, "message at two positions, written again", []store.Entry{find(t, s, first)}, []store.Entry{first})
}

// testRevisions appends an original and three revisions in every order, which mention fewer and fewer.
func testRevisions(t *testing.T, s store.Store) {
	for _, order := range permutations(4) {
		room := newRoom()
		around := line(room, 9)
		around[4].Message.Mentions = users(3)
		original := around[4]
		contents := []store.Entry{
			original,
			edit(original, events.Position{Offset: 100}, "an edit"),
			edit(original, events.Position{Offset: 1 << 30}, "an edit <much> later"),
			edit(original, events.Position{Epoch: 1, Offset: 3}, "an edit in a newer epoch  "),
		}
		contents[2].Message.Mentions, contents[3].Message.Mentions = original.Message.Mentions[1:], nil
		appendAll(t, s, around[:4]...)
		newest := contents[order[0]]
		for _, i := range order {
			appendAll(t, s, contents[i])
			if contents[i].Supersedes(newest) {
				newest = contents[i]
			}
			same(t, fmt.Sprintf("page with content %d of %v", i, order), page(t, s, room, store.Range{Before: events.EndOfLog}, 25),
				newestFirst(append(slices.Clone(around[:4]), newest)))
			same(t, fmt.Sprintf("message with content %d of %v", i, order), []store.Entry{find(t, s, original)}, []store.Entry{newest})
			if got := locate(t, s, room, original.Message.CreatedAt.Time); got != (store.Range{Before: original.Position}) {
				t.Errorf("a revised message is located at %+v", got)
			}
		}
		around[4] = contents[3]
		appendAll(t, s, around[5:]...)
		appendAll(t, s, contents...)
		appendAll(t, s, line(newRoom(), 3)...)
		for limit := 1; limit < 10; limit++ {
			same(t, "timeline", whole(t, s, room, limit), newestFirst(around))
		}
	}
}

func testDeletion(t *testing.T, s store.Store) {
	for _, order := range permutations(4) {
		room := newRoom()
		around := line(room, 3)
		original := around[1]
		edited := edit(original, events.Position{Offset: 100}, "an edit before")
		contents := []store.Entry{
			original, edited, deletion(edited, events.Position{Offset: 101}),
			edit(original, events.Position{Offset: 102}, "an edit while it was being deleted"),
		}
		appendAll(t, s, around[0], around[2])
		for _, i := range order {
			appendAll(t, s, contents[i])
		}
		want := []store.Entry{around[2], contents[2], around[0]}
		same(t, "page", page(t, s, room, store.Range{Before: events.EndOfLog}, 25), want)
		appendAll(t, s, contents[0], contents[1], contents[3])
		same(t, "page after a replay", page(t, s, room, store.Range{Before: events.EndOfLog}, 25), want)
		same(t, "deleted message", []store.Entry{find(t, s, original)}, want[1:2])

		again := deletion(original, events.Position{Offset: 103})
		appendAll(t, s, again)
		appendAll(t, s, contents...)
		same(t, "message deleted again", []store.Entry{find(t, s, original)}, []store.Entry{again})
	}
}

// refuse appends entries of which some have positions that are taken.
func refuse(t *testing.T, s store.Store, what string, given ...store.Entry) {
	t.Helper()
	if err := s.Append(t.Context(), given); !errors.Is(err, store.ErrPositionTaken) || errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("%s: append gives %v, want ErrPositionTaken", what, err)
	}
}

// testTakenPosition offers positions to other messages: alone, in company, as revisions, within one call.
func testTakenPosition(t *testing.T, s store.Store) {
	room := newRoom()
	entries := line(room, 10)
	appendAll(t, s, entries[:8]...)
	refused := func(what string, given ...store.Entry) {
		t.Helper()
		refuse(t, s, what, given...)
	}
	at := entries[3].Position
	var others []store.Entry
	for _, createdAt := range []time.Time{entries[3].Message.CreatedAt.Time, start.AddDate(0, 0, 1), start.AddDate(1, 0, 0), start.AddDate(-1, 0, 0)} {
		other := message(room, at, createdAt, "another message")
		others = append(others, other)
		refused("another message", other)
		refused("an edit of another message", edit(other, events.Position{Offset: 500}, "an edit"))
		refused("a deletion of another message", deletion(other, events.Position{Offset: 501}))
	}
	refused("among others", entries[7], others[0], entries[8])
	twin := message(room, entries[9].Position, entries[9].Message.CreatedAt.Time, "a twin")
	refused("two in one call", entries[9], twin)
	same(t, "timeline", whole(t, s, room, 4), newestFirst(entries))
	for _, other := range append(others, twin) {
		findNot(t, s, room, other.Message.ID)
	}
	if got := locate(t, s, room, twin.Message.CreatedAt.Time); got.Before != entries[9].Position {
		t.Errorf("located at %+v", got)
	}

	// Calls at the same time, which a store may write together, each get an answer of their own.
	var running sync.WaitGroup
	more := line(room, 40)[10:]
	for i, entry := range more {
		running.Go(func() {
			if i%2 == 0 {
				if err := s.Append(t.Context(), []store.Entry{entry}); err != nil {
					t.Errorf("a new message among refused ones: %v", err)
				}
			} else if err := s.Append(t.Context(), []store.Entry{message(room, at, start, "refused")}); !errors.Is(err, store.ErrPositionTaken) {
				t.Errorf("another message among new ones: append gives %v, want ErrPositionTaken", err)
			}
		})
	}
	running.Wait()
	for i := 0; i < len(more); i += 2 {
		entries = append(entries, more[i])
	}
	same(t, "timeline", whole(t, s, room, 4), newestFirst(entries))

	// A deleted message keeps its place, and the places of other rooms and epochs are their own.
	gone := deletion(entries[3], events.Position{Offset: 502})
	appendAll(t, s, gone)
	refused("where a message was deleted", others[0])
	same(t, "deleted message", []store.Entry{find(t, s, gone)}, []store.Entry{gone})
	elsewhere := others[0]
	elsewhere.Message.RoomID = newRoom()
	later := others[1]
	later.Position.Epoch++
	appendAll(t, s, elsewhere, later, entries[3])
	same(t, "another room", []store.Entry{find(t, s, elsewhere)}, []store.Entry{elsewhere})
	same(t, "another epoch", []store.Entry{find(t, s, later)}, []store.Entry{later})
}

// testParallelRevisions lets many goroutines append the contents of few messages, in orders of their own, and read meanwhile:
// what somebody has read is only ever superseded.
func testParallelRevisions(t *testing.T, s store.Store) {
	const workers = 24
	room := newRoom()
	random := rand.New(rand.NewPCG(1, 5403))
	var contents []store.Entry
	want := line(room, 12)
	for i, original := range want {
		all := append(revisions(random, original, 6), original)
		contents = append(contents, all...)
		want[i] = newest(all)
	}
	var running sync.WaitGroup
	faults := make(chan error, workers)
	for w := range workers {
		running.Go(func() {
			if err := revise(t, s, contents, rand.New(rand.NewPCG(uint64(w), 5403))); err != nil {
				faults <- fmt.Errorf("worker %d: %w", w, err)
			}
		})
	}
	running.Wait()
	close(faults)
	for err := range faults {
		t.Error(err)
	}
	same(t, "timeline", whole(t, s, room, 5), newestFirst(want))
}

func revise(t *testing.T, s store.Store, contents []store.Entry, random *rand.Rand) error {
	contents = slices.Clone(contents)
	random.Shuffle(len(contents), func(i, j int) { contents[i], contents[j] = contents[j], contents[i] })
	for batch := range slices.Chunk(contents, 1+random.IntN(8)) {
		if err := s.Append(t.Context(), batch); err != nil {
			return err
		}
		for _, wrote := range batch {
			read, err := s.Find(t.Context(), wrote.Message.RoomID, wrote.Message.ID)
			if err != nil {
				return err
			}
			if wrote.Supersedes(read) {
				return fmt.Errorf("the revision %v of %v was written, and %v is read", wrote.Revision, wrote.Position, read.Revision)
			}
		}
	}
	return nil
}

// revisions makes up to most random revisions of an entry, one in eight of them a deletion.
func revisions(random *rand.Rand, entry store.Entry, most int) []store.Entry {
	var made []store.Entry
	for range random.IntN(most + 1) {
		by := events.Position{Epoch: entry.Position.Epoch, Offset: entry.Position.Offset + 1 + random.Int64N(1<<22)}
		if random.IntN(4) == 0 {
			by = events.Position{Epoch: entry.Position.Epoch + 1 + random.Int32N(2), Offset: random.Int64N(1 << 22)}
		}
		if random.IntN(8) == 0 {
			made = append(made, deletion(entry, by))
		} else {
			made = append(made, edit(entry, by, fmt.Sprintf("by %v", by)))
		}
	}
	return made
}

// newest is the content of a message that a store must keep of all that it was given.
func newest(contents []store.Entry) store.Entry {
	return slices.MaxFunc(contents, func(a, b store.Entry) int {
		switch deletedA, deletedB := !a.DeletedAt.IsZero(), !b.DeletedAt.IsZero(); {
		case deletedA && !deletedB:
			return 1
		case deletedB && !deletedA:
			return -1
		default:
			return a.Revision.Compare(b.Revision)
		}
	})
}

// permutations gives every order of the numbers below n.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), i, n-1))
		}
	}
	return all
}
