package bus

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestInChunks(t *testing.T) {
	errDown := errors.New("the store is down")
	for name, test := range map[string]struct {
		bad, down []int // items that are rejected, and whose chunk meets an outage
		done      []int
		rejected  bool
		outage    bool
	}{
		"all is well":               {done: []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"one is at fault":           {bad: []int{3}, done: []int{1, 2, 4, 5, 6, 7, 8, 9}, rejected: true},
		"some are at fault":         {bad: []int{1, 6, 9}, done: []int{2, 3, 4, 5, 7, 8}, rejected: true},
		"an outage ends it":         {down: []int{6}, done: []int{1, 2, 3, 4}, outage: true},
		"an outage hides rejection": {bad: []int{2}, down: []int{6}, done: []int{1, 3, 4}, outage: true},
		"an outage while it halves": {bad: []int{1}, down: []int{4}, done: []int{2}, outage: true},
	} {
		t.Run(name, func(t *testing.T) {
			do := func(chunk []int) error {
				for _, item := range chunk {
					// Half a chunk that has no rejected item meets the outage of its own.
					if slices.Contains(test.bad, item) {
						return fmt.Errorf("%w: %d", ErrRejected, item)
					}
				}
				for _, item := range chunk {
					if slices.Contains(test.down, item) {
						return errDown
					}
				}
				return nil
			}
			done, err := InChunks([][]int{{1, 2, 3, 4}, {5, 6, 7, 8}, {9}}, do)
			if !slices.Equal(done, test.done) || errors.Is(err, ErrRejected) != test.rejected || errors.Is(err, errDown) != test.outage {
				t.Errorf("done are %v, error %v", done, err)
			}
		})
	}
}
