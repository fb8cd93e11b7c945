package messages

import (
	"sync/atomic"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// clock gives times, each later than the one before by a microsecond at least.
type clock struct {
	last atomic.Int64 // microseconds since 1970
}

func (c *clock) now() wire.Time {
	for {
		last := c.last.Load()
		next := max(time.Now().UnixMicro(), last+1)
		if c.last.CompareAndSwap(last, next) {
			return wire.At(time.UnixMicro(next))
		}
	}
}
