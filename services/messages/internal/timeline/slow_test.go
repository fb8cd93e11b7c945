package timeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

const (
	records = 500 // of a batch
	answer  = 500 * time.Millisecond
)

// slow is a real store behind an engine that takes half a second for each answer. It counts how often each message is tried.
type slow struct {
	store.Store
	tried    map[uuid.UUID]int
	appended int                              // calls
	fault    func(call int) error             // of a call, counted from 1; nil: none
	refuses  func(entries []store.Entry) bool // as a whole
}

// Append takes as many answers, one after the other, as Cassandra needs for a room that a process has not written to: two to find out how
// far its timeline reaches, one to list it, one to write. 16 rooms are asked for at once.
func (s *slow) Append(ctx context.Context, entries []store.Entry) error {
	rooms := map[uuid.UUID]bool{}
	for _, entry := range entries {
		rooms[entry.Message.RoomID] = true
		s.tried[entry.Message.ID]++
	}
	s.appended++
	select {
	case <-time.After(time.Duration(4*((len(rooms)+15)/16)) * answer):
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	if s.fault != nil {
		if err := s.fault(s.appended); err != nil {
			return err
		}
	}
	if s.refuses != nil && s.refuses(entries) {
		return fmt.Errorf("%w: one of %d", store.ErrUnstorable, len(entries))
	}
	return s.Store.Append(ctx, entries)
}

func (s *slow) most() int {
	most := 0
	for _, times := range s.tried {
		most = max(most, times)
	}
	return most
}

// onSlowStore gives a test a slow store and a batch of messages, each of a room of its own. Time is the test's own.
func onSlowStore(t *testing.T, test func(t *testing.T, lines *timeline.Timeline, s *slow, batch []bus.Record, rooms []uuid.UUID)) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{Store: sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler)), tried: map[uuid.UUID]int{}}
		storetest.Start(t, s.Store)
		tel := telemetry.Discard(nil)
		lines, err := timeline.New(s, inEpoch(0), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
		if err != nil {
			t.Fatal(err)
		}
		batch, rooms := make([]bus.Record, records), make([]uuid.UUID, records)
		for i := range batch {
			one := posted(i)
			rooms[i] = uuid.New()
			one.RoomID, one.Message.RoomID = rooms[i], rooms[i]
			batch[i] = record(t, one, int64(i))
		}
		test(t, lines, s, batch, rooms)
	})
}

// has reports whether the store has a room's message.
func (s *slow) has(t *testing.T, room uuid.UUID) bool {
	t.Helper()
	entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries) == 1
}

// oneByOne hands records to a timeline as a consumer does after a batch that failed, each at most twice, and gives those that are rejected.
func oneByOne(t *testing.T, lines *timeline.Timeline, batch []bus.Record) (rejected []int) {
	t.Helper()
	for i := range batch {
		err := lines.Apply(t.Context(), batch[i:i+1])
		if err != nil && !errors.Is(err, bus.ErrRejected) {
			err = lines.Apply(t.Context(), batch[i:i+1])
		}
		switch {
		case errors.Is(err, bus.ErrRejected):
			rejected = append(rejected, i)
		case err != nil:
			t.Fatalf("record %d: %v", i, err)
		}
	}
	return rejected
}

func TestABatchOfManyRoomsIsWrittenToASlowStore(t *testing.T) {
	onSlowStore(t, func(t *testing.T, lines *timeline.Timeline, s *slow, batch []bus.Record, rooms []uuid.UUID) {
		if err := lines.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if most := s.most(); most != 1 || !s.has(t, rooms[0]) || !s.has(t, rooms[records-1]) {
			t.Errorf("a message is tried %d times", most)
		}
	})
}

func TestWhatWasWrittenBeforeAnOutageIsNotWrittenAgain(t *testing.T) {
	onSlowStore(t, func(t *testing.T, lines *timeline.Timeline, s *slow, batch []bus.Record, rooms []uuid.UUID) {
		s.fault = func(call int) error {
			if call == 5 {
				return store.ErrUnavailable
			}
			return nil
		}
		if err := lines.Apply(t.Context(), batch); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
			t.Fatalf("the batch gives %v", err)
		}
		before := s.appended
		if rejected := oneByOne(t, lines, batch); rejected != nil {
			t.Errorf("the records %v are rejected", rejected)
		}
		if again := s.appended - before; again > records-4*64 {
			t.Errorf("%d of %d messages were written again", again, records)
		}
		if most := s.most(); most > 2 {
			t.Errorf("a message is tried %d times", most)
		}
		for i, room := range rooms {
			if !s.has(t, room) {
				t.Fatalf("message %d is missing", i)
			}
		}
	})
}

// TestOnlyWhatCannotBeStoredIsRejected has two messages in a batch that no attempt would store.
func TestOnlyWhatCannotBeStoredIsRejected(t *testing.T) {
	onSlowStore(t, func(t *testing.T, lines *timeline.Timeline, s *slow, batch []bus.Record, rooms []uuid.UUID) {
		bad := []int{70, 300}
		s.refuses = func(entries []store.Entry) bool {
			return slices.ContainsFunc(entries, func(entry store.Entry) bool {
				return entry.Message.RoomID == rooms[bad[0]] || entry.Message.RoomID == rooms[bad[1]]
			})
		}
		if err := lines.Apply(t.Context(), batch); !errors.Is(err, bus.ErrRejected) || !errors.Is(err, store.ErrUnstorable) {
			t.Fatalf("the batch gives %v", err)
		}
		before := s.appended
		if rejected := oneByOne(t, lines, batch); !slices.Equal(rejected, bad) {
			t.Errorf("the records %v are rejected, want %v", rejected, bad)
		}
		if again := s.appended - before; again != len(bad) {
			t.Errorf("%d messages were tried again, want %d", again, len(bad))
		}
		for i, room := range rooms {
			if s.has(t, room) == slices.Contains(bad, i) {
				t.Fatalf("message %d is in the store: %v", i, s.has(t, room))
			}
		}
	})
}

// TestAnOutageBehindARejectionRejectsNothing has a message that cannot be stored, and an outage before the rest is written.
func TestAnOutageBehindARejectionRejectsNothing(t *testing.T) {
	onSlowStore(t, func(t *testing.T, lines *timeline.Timeline, s *slow, batch []bus.Record, rooms []uuid.UUID) {
		s.refuses = func(entries []store.Entry) bool {
			return slices.ContainsFunc(entries, func(entry store.Entry) bool { return entry.Message.RoomID == rooms[0] })
		}
		for _, outage := range []int{3, 16} { // while the message is being found, and behind that
			s.appended = 0
			s.fault = func(call int) error {
				if call == outage {
					return store.ErrUnavailable
				}
				return nil
			}
			if err := lines.Apply(t.Context(), batch); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
				t.Errorf("the batch gives %v", err)
			}
		}
		s.fault = nil
		if rejected := oneByOne(t, lines, batch); !slices.Equal(rejected, []int{0}) {
			t.Errorf("the records %v are rejected", rejected)
		}
	})
}
