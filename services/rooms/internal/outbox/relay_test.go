package outbox

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is a log that keeps what is written to it, unless it is down.
type journal struct {
	mu      sync.Mutex
	down    bool
	records []bus.Record
}

var errDown = errors.New("the log is down")

func (j *journal) ProduceAll(_ context.Context, records []bus.Record) ([]bus.Receipt, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.down {
		return nil, errDown
	}
	j.records = append(j.records, records...)
	return make([]bus.Receipt, len(records)), nil
}

func (j *journal) set(down bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.down = down
}

// ids are the events' ids in the order in which they were written.
func (j *journal) ids() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	ids := make([]string, len(j.records))
	for i, record := range j.records {
		ids[i] = record.Headers["ce_id"]
	}
	return ids
}

// keys are the records' keys in the order in which they were written.
func (j *journal) keys() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	keys := make([]string, len(j.records))
	for i, record := range j.records {
		keys[i] = record.Key
	}
	return keys
}

// run runs the relay until the function that it gives is called, at the latest at the end of the test.
func run(t *testing.T, r *Relay, log Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx, log) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(time.Minute)
	for !there() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func onSQLite(t *testing.T) store.Store {
	t.Helper()
	return storetest.Start(t, sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil)))
}

// rooms creates rooms of two users, one change each, and gives their ids and rows.
func rooms(t *testing.T, s store.Store, n int) (ids []string, rows []int64) {
	t.Helper()
	users := []uuid.UUID{uuid.New(), uuid.New()}
	for _, user := range users {
		if err := s.PutUser(t.Context(), store.User{ID: user, DisplayName: "somebody"}); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		room := store.NewRoom{ID: uuid.New(), Type: wire.Group, Creator: users[0], Users: users, At: time.Now().UTC().Truncate(time.Microsecond)}
		_, row, err := s.CreateRoom(t.Context(), room)
		if err != nil {
			t.Fatalf("create a room: %v", err)
		}
		ids, rows = append(ids, room.ID.String()), append(rows, row)
	}
	return ids, rows
}

func TestRowsAreRelayedInOrder(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	want, _ := rooms(t, s, batchSize+50)
	run(t, New(s, telemetry.Discard(nil)), log)
	more, _ := rooms(t, s, 20)
	want = append(want, more...)
	await(t, "all rows", func() bool { return len(log.keys()) >= len(want) })
	if got := log.keys(); !slices.Equal(got, want) {
		t.Errorf("%d records are not the %d rows in their order", len(got), len(want))
	}
}

func TestAwaitEndsWhenTheRowIsInTheLog(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	r := New(s, telemetry.Discard(nil))
	run(t, r, log)
	quickest := patience // the machine may be busy now and then
	for range 50 {
		ids, rows := rooms(t, s, 1)
		began := time.Now()
		r.Await(t.Context(), rows[0])
		waited := time.Since(began)
		quickest = min(quickest, waited)
		if keys := log.keys(); waited < patience && keys[len(keys)-1] != ids[0] {
			t.Fatal("it ended before the row was in the log")
		}
	}
	if quickest >= patience {
		t.Error("it always took until it gave up")
	}
	if left := len(r.waiting.rows); left != 0 {
		t.Errorf("%d rows are still waited for", left)
	}
}

func TestAwaitOfAnotherRelaysRow(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	run(t, New(s, telemetry.Discard(nil)), log)
	follower := New(s, telemetry.Discard(nil))
	quickest := patience // the machine may be busy now and then
	for range 5 {
		ids, rows := rooms(t, s, 1)
		began := time.Now()
		follower.Await(t.Context(), rows[0])
		waited := time.Since(began)
		quickest = min(quickest, waited)
		if keys := log.keys(); waited < patience && !slices.Equal(keys[max(0, len(keys)-1):], ids) {
			t.Error("it ended before the row was in the log")
		}
	}
	if quickest >= patience {
		t.Error("it always took until it gave up")
	}
}

func TestAwaitGivesUpWhileTheLogIsDown(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := New(s, telemetry.Discard(nil))
	run(t, r, log)
	ids, rows := rooms(t, s, 3)
	began := time.Now()
	r.Await(t.Context(), rows[2])
	if waited := time.Since(began); waited < patience || waited > 20*patience {
		t.Errorf("it waited for %s", waited)
	}
	if len(log.keys()) != 0 {
		t.Error("the log is not down")
	}
	log.set(false)
	await(t, "the rows when the log is back", func() bool { return slices.Equal(log.keys(), ids) })
}

func TestRowsOfALaterStartAreRelayed(t *testing.T) {
	s, log := onSQLite(t), &journal{}
	first := run(t, New(s, telemetry.Discard(nil)), log)
	ids, rows := rooms(t, s, 1)
	await(t, "the first row", func() bool {
		pending, err := s.Pending(t.Context(), rows[0])
		return err == nil && !pending
	})
	first()
	between, _ := rooms(t, s, 2)
	run(t, New(s, telemetry.Discard(nil)), log)
	await(t, "the rows of the time without a relay", func() bool { return slices.Equal(log.keys(), append(ids, between...)) })
}

func TestAgeIsThatOfTheOldestRow(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := New(s, telemetry.Discard(nil))
	if age := r.age(); age != 0 {
		t.Errorf("without rows the age is %v", age)
	}
	run(t, r, log)
	rooms(t, s, 1)
	await(t, "an age", func() bool { return r.age() > 0.05 })
	log.set(false)
	await(t, "no age", func() bool { return r.age() == 0 && len(log.keys()) == 1 })
}

func TestRowsThatWaitAreCounted(t *testing.T) {
	s, log := onSQLite(t), &journal{down: true}
	r := New(s, telemetry.Discard(nil))
	run(t, r, log)
	rooms(t, s, 3)
	await(t, "three rows", func() bool { return r.rows.Load() == 3 })
	rooms(t, s, batchSize)
	await(t, "more rows than a batch has", func() bool { return r.rows.Load() == batchSize+3 })
	log.set(false)
	await(t, "no rows", func() bool { return r.rows.Load() == 0 && len(log.keys()) == batchSize+3 })
}
