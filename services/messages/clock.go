package messages

import (
	"sync/atomic"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// maxAhead is how far another clock may be ahead for ours to follow it: one that is far off must not take all others with it.
const maxAhead = time.Minute

// clock is a hybrid logical clock (Kulkarni et al., 2014). It gives times, each later by a microsecond at least than the one before and than all that it
// has been shown, as long as other clocks are not further ahead than maxAhead.
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

// saw shows the clock a time that another one has given.
func (c *clock) saw(at time.Time) {
	if time.Until(at) > maxAhead {
		return
	}
	for other := at.UnixMicro(); ; {
		last := c.last.Load()
		if other <= last || c.last.CompareAndSwap(last, other) {
			return
		}
	}
}
