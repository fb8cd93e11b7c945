package snapshots

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// world is all that snapshots are written with: a topic, rooms of which the store says how many are left, and an outbox.
type world struct {
	topic  bus.Incarnation
	other  chan struct{} // closed when the topic is another one
	left   int           // rooms
	failed error         // of each step
	held   bool          // nothing gets from the outbox to the log
	began  time.Time
	steps  []time.Duration
}

func (w *world) EnsureTopics(context.Context, ...string) error { return nil }

func (w *world) Incarnations(context.Context, ...string) ([]bus.Incarnation, error) {
	return []bus.Incarnation{w.topic}, nil
}

func (w *world) WatchIncarnations(ctx context.Context, _ time.Duration, found []bus.Incarnation) error {
	select {
	case <-w.other:
		return bus.ErrOtherLogs
	case <-ctx.Done():
		return nil
	}
}

func (w *world) RewriteNext(_ context.Context, topic uuid.UUID, _ time.Time) (changes.Rewritten, error) {
	w.steps = append(w.steps, time.Since(w.began))
	switch {
	case topic != w.topic.ID:
		return changes.Rewritten{}, errors.New("it is another topic")
	case w.failed != nil:
		return changes.Rewritten{}, w.failed
	case w.left == 0:
		return changes.Rewritten{Finished: true}, nil
	}
	w.left--
	return changes.Rewritten{Row: 7}, nil
}

func (w *world) Await(ctx context.Context, _ int64) {
	if !w.held {
		return
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
}

func (w *world) Pending(_ context.Context, rows []int64) ([]int64, error) {
	if w.held {
		return rows, nil
	}
	return nil, nil
}

// run runs on a world until the test ends, or it ends by itself, as ended tells then.
func run(t *testing.T, w *world) (ended chan error) {
	t.Helper()
	w.topic = bus.Incarnation{Topic: events.TopicMemberships, ID: uuid.New(), Partitions: 4}
	w.other, w.began = make(chan struct{}), time.Now()
	s := New(w, w, w, w, time.Now, telemetry.Discard(nil))
	ctx, stop := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- s.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	synctest.Wait()
	return ended
}

func TestRoomsAreWrittenWithPausesUntilNoneIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{left: 3}
		run(t, w)
		time.Sleep(time.Hour)
		if want := []time.Duration{0, pause, 2 * pause, 3 * pause}; !slices.Equal(w.steps, want) {
			t.Errorf("steps are at %v, want %v", w.steps, want)
		}
	})
}

func TestTheNextRoomWaitsForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{left: 3, held: true}
		run(t, w)
		time.Sleep(time.Hour)
		if len(w.steps) != 1 {
			t.Errorf("%d steps are taken while nothing gets to the log", len(w.steps))
		}
		w.held = false
		time.Sleep(time.Minute)
		if len(w.steps) != 4 || w.left != 0 {
			t.Errorf("then there are %d steps, and %d rooms are left", len(w.steps), w.left)
		}
	})
}

func TestATroubledStoreIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{left: 1, failed: errors.New("away")}
		run(t, w)
		time.Sleep(time.Minute)
		if len(w.steps) < 5 || len(w.steps) > 60 {
			t.Errorf("it is tried %d times in a minute", len(w.steps))
		}
		w.failed = nil
		time.Sleep(time.Minute)
		if w.left != 0 {
			t.Error("the room is not written")
		}
	})
}

// The process is started again, and writes to the topic as it is then.
func TestAnotherTopicEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{left: 100}
		ended := run(t, w)
		time.Sleep(10 * pause)
		close(w.other)
		if err := <-ended; !errors.Is(err, bus.ErrOtherLogs) {
			t.Errorf("it ends with %v", err)
		}
		if steps := len(w.steps); steps < 10 || steps > 12 {
			t.Errorf("%d steps are taken before", steps)
		}
	})
}
