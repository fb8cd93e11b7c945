package messages

import (
	"sync/atomic"
	"time"
)

// clock gives times in whole microseconds, each later than the one before.
type clock struct {
	last atomic.Int64 // microseconds since 1970
}

func (c *clock) now() time.Time {
	for {
		last := c.last.Load()
		next := max(time.Now().UnixMicro(), last+1)
		if c.last.CompareAndSwap(last, next) {
			return time.UnixMicro(next).UTC()
		}
	}
}
