package messages

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClockNeverRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // time stands still
		var c clock
		start := time.Now().Truncate(time.Microsecond)
		for i := range 1000 {
			if got, want := c.now(), start.Add(time.Duration(i)*time.Microsecond); !got.Equal(want) || got.Location() != time.UTC {
				t.Fatalf("time %d is %s, want %s", i, got, want)
			}
		}
		time.Sleep(time.Second)
		if got := c.now(); !got.Equal(start.Add(time.Second)) {
			t.Errorf("a second later it is %s, want %s", got, start.Add(time.Second))
		}
	})
}

func TestClockFollowsOthersThatAreAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c clock
		start := time.Now().Truncate(time.Microsecond)
		for _, ahead := range []time.Duration{-time.Hour, time.Second, 40 * time.Second, time.Minute} {
			c.saw(start.Add(ahead))
			if got, want := c.now(), max(ahead+time.Microsecond, 0); !got.Equal(start.Add(want)) {
				t.Errorf("after one of %s it is %s, want %s", ahead, got, start.Add(want))
			}
		}
		before := c.now()
		c.saw(start.Add(time.Hour))
		if got := c.now(); !got.Equal(before.Add(time.Microsecond)) {
			t.Errorf("after one that is far off it is %s, want %s", got, before.Add(time.Microsecond))
		}
	})
}

func TestClockNeverRepeatsInParallel(t *testing.T) {
	t.Parallel()
	const workers, each = 50, 500
	var (
		c    clock
		all  sync.WaitGroup
		mu   sync.Mutex
		seen = map[time.Time]bool{}
	)
	for range workers {
		all.Go(func() {
			own := make([]time.Time, each)
			for i := range own {
				own[i] = c.now().Time
			}
			mu.Lock()
			defer mu.Unlock()
			for i, at := range own {
				if seen[at] || i > 0 && !at.After(own[i-1]) {
					t.Errorf("%s comes again, or too early", at)
				}
				seen[at] = true
			}
		})
	}
	all.Wait()
}
