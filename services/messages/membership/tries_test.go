package membership

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var errRefused = errors.New("connection refused")

// Each row has what the tries come to: how long each takes to answer, with what; and what comes of it, when.
func TestAQuestionIsAskedAgain(t *testing.T) {
	const never = time.Hour
	for name, c := range map[string]struct {
		takes []time.Duration
		gives error // what comes in time
		want  error
		begin []time.Duration // of the tries
		took  time.Duration
	}{
		"an answer":               {takes: []time.Duration{200 * time.Millisecond}, begin: []time.Duration{0}, took: 200 * time.Millisecond},
		"no room is an answer":    {takes: []time.Duration{0}, gives: ErrRoomNotFound, want: ErrRoomNotFound, begin: []time.Duration{0}},
		"a connection that hangs": {takes: []time.Duration{never, 5 * time.Millisecond}, begin: []time.Duration{0, 250 * time.Millisecond}, took: 255 * time.Millisecond},
		"an answer after 400 ms":  {takes: slices.Repeat([]time.Duration{400 * time.Millisecond}, 2), begin: []time.Duration{0, 250 * time.Millisecond}, took: 650 * time.Millisecond},
		"an answer after 600 ms":  {takes: slices.Repeat([]time.Duration{600 * time.Millisecond}, 3), begin: []time.Duration{0, 250 * time.Millisecond, 750 * time.Millisecond}, took: 1350 * time.Millisecond},
		"nobody answers":          {takes: slices.Repeat([]time.Duration{never}, 3), want: context.DeadlineExceeded, begin: []time.Duration{0, 250 * time.Millisecond, 750 * time.Millisecond}, took: LookupTimeout},
		"nobody is there":         {takes: make([]time.Duration, 3), gives: errRefused, want: errRefused, begin: []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond}, took: 100 * time.Millisecond},
		"it is refused each time": {takes: []time.Duration{100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond}, gives: errRefused, want: errRefused, begin: []time.Duration{0, 150 * time.Millisecond, 300 * time.Millisecond}, took: 400 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var begin []time.Duration
				err := tries{first: 250 * time.Millisecond}.ask(t.Context(), func(ctx context.Context, number int) error {
					begin = append(begin, time.Since(start))
					if number != len(begin) {
						t.Errorf("try %d has number %d", len(begin), number)
					}
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(c.takes[number-1]):
						return c.gives
					}
				})
				if !errors.Is(err, c.want) || time.Since(start) != c.took || !slices.Equal(begin, c.begin) {
					t.Errorf("%v after %s, tries at %v; want %v after %s, tries at %v", err, time.Since(start), begin, c.want, c.took, c.begin)
				}
			})
		})
	}
}

// Whoever asks may have less time, and a first try more than there is.
func TestTriesEndWithTheTimeOfWhoAsks(t *testing.T) {
	for name, c := range map[string]struct{ first, within, took time.Duration }{
		"less time":       {250 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond},
		"one long try":    {LookupTimeout, time.Hour, LookupTimeout},
		"hardly any time": {time.Nanosecond, time.Hour, LookupTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			defer cancel()
			err := tries{first: c.first}.ask(ctx, func(ctx context.Context, _ int) error {
				<-ctx.Done()
				return ctx.Err()
			})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != c.took {
				t.Errorf("%s: %v after %s", name, err, time.Since(start))
			}
		})
	}
}
