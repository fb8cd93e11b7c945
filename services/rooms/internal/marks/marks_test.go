package marks

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// told notes when marks were told of.
type told struct {
	began time.Time
	at    []time.Duration
	since []time.Duration
	more  int // how often there is more to tell
	err   error
}

func (c *told) TellMarks(_ context.Context, since, _ time.Time) (bool, error) {
	c.at, c.since = append(c.at, time.Since(c.began)), append(c.since, since.Sub(c.began))
	c.more--
	return c.more >= 0, c.err
}

// run runs a teller in a bubble until the test ends.
func run(t *testing.T, c *told) *Teller {
	t.Helper()
	c.began = time.Now()
	teller := New(c, time.Now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- teller.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return teller
}

func TestMarksOfAWhileAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &told{}
		teller := run(t, c)
		time.Sleep(time.Second)
		for range 34 { // for a second
			teller.Marked()
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(time.Second)
		second := time.Second
		want := []time.Duration{0, second + window, 2*second + 10*time.Millisecond} // at the start, and for each window in which something was marked
		if !slices.Equal(c.at, want) || !slices.Equal(c.since, want) {
			t.Errorf("told at %v, want %v; of marks until %v", c.at, want, c.since)
		}
	})
}

func TestAllMarksAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &told{more: 3}
		run(t, c)
		if len(c.at) != 4 {
			t.Errorf("told %d times, want 4", len(c.at))
		}
	})
}

func TestWhatOthersLeaveIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &told{}
		run(t, c)
		time.Sleep(sweepEvery + time.Millisecond)
		if want := []time.Duration{0, sweepEvery}; !slices.Equal(c.at, want) {
			t.Errorf("told at %v, want %v", c.at, want)
		}
	})
}

func TestATroubledStoreIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &told{err: errors.New("away")}
		run(t, c)
		time.Sleep(retryAfter + time.Millisecond)
		if want := []time.Duration{0, retryAfter}; !slices.Equal(c.at, want) {
			t.Errorf("told at %v, want %v", c.at, want)
		}
	})
}
