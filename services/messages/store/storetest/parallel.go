package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// testParallel lets a hundred goroutines write, each its own messages and now and then another's again, and read while all
// the others write: what one has written it finds, in order, and in the end all is there once.
func testParallel(t *testing.T, s store.Store) {
	const (
		workers = 100
		each    = 20
		rooms   = 5
	)
	ids := make([]uuid.UUID, rooms)
	byRoom := make([][]store.Entry, rooms)
	for r := range ids {
		ids[r] = newRoom()
	}
	entry := make([][]store.Entry, workers)
	for w := range entry {
		room := w % rooms
		for i := range each {
			offset := int64(i*workers + w)
			e := message(ids[room], events.Position{Offset: offset}, start.Add(time.Duration(offset)*time.Millisecond), fmt.Sprintf("%d of %d", i, w))
			entry[w] = append(entry[w], e)
			byRoom[room] = append(byRoom[room], e)
		}
	}
	var running sync.WaitGroup
	faults := make(chan error, workers)
	for w := range workers {
		running.Go(func() {
			if err := work(t, s, entry[w], entry[(w+rooms)%workers]); err != nil {
				faults <- fmt.Errorf("worker %d: %w", w, err)
			}
		})
	}
	running.Wait()
	close(faults)
	for err := range faults {
		t.Error(err)
	}
	for r, id := range ids {
		same(t, "timeline", whole(t, s, id, 33), newestFirst(byRoom[r]))
	}
}

func work(t *testing.T, s store.Store, own, others []store.Entry) error {
	for i, entry := range own {
		if err := s.Append(t.Context(), own[i:i+1]); err != nil {
			return err
		}
		if i%5 == 0 {
			if err := s.Append(t.Context(), others[i:i+1]); err != nil {
				return err
			}
		}
		entries, err := s.Page(t.Context(), entry.Message.RoomID, store.Range{Before: entry.Position.Next()}, 25)
		if err != nil {
			return err
		}
		if len(entries) == 0 || entries[0].Message.ID != entry.Message.ID {
			return fmt.Errorf("message %d is not read back where it was written", i)
		}
		if !slices.IsSortedFunc(entries, func(a, b store.Entry) int { return b.Position.Compare(a.Position) }) {
			return fmt.Errorf("a page is out of order: %s", positions(entries))
		}
	}
	return nil
}
