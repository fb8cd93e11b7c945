package load

import (
	"testing"
	"time"
)

func TestQuantilesAreByNearestRank(t *testing.T) {
	var times []time.Duration
	for i := 100; i >= 1; i-- {
		times = append(times, time.Duration(i)*time.Millisecond)
	}
	if got, want := quantiles(times), (Quantiles{P50: 50, P90: 90, P99: 99, Max: 100}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := quantiles(times[:1]); got.P50 != 100 || got.Max != 100 {
		t.Errorf("of one: %+v", got)
	}
	if got := quantiles(nil); got != (Quantiles{}) {
		t.Errorf("of none: %+v", got)
	}
}

func TestTurnsGoForthAndBack(t *testing.T) {
	for n, want := range map[int][]int{1: {0, 0, 0, 0}, 2: {0, 1, 1, 0, 0, 1, 1, 0}, 3: {0, 1, 2, 2, 1, 0, 0, 1}} {
		for turn, wanted := range want {
			if got := back(turn, n); got != wanted {
				t.Errorf("turn %d of %d is %d's, want %d's", turn, n, got, wanted)
			}
		}
	}
}
