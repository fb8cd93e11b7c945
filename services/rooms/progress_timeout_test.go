package rooms

import (
	"testing"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/rooms/internal/progress"
)

// A mark, or a list that is to be caught up, that gave up while all is well would leave out what its client shows.
func TestRequestsOutwaitWhatAFetchLeavesOut(t *testing.T) {
	if behind := bus.LongestWait(fetchWait); progress.AwaitTimeout < 2*behind { // a busy machine adds to it
		t.Errorf("lists may be %s behind the log, and are waited for %s", behind, progress.AwaitTimeout)
	}
}
