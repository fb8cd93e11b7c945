package eventloop

import "time"

const (
	wheelTick    = 50 * time.Millisecond
	wheelBuckets = 512 // 25.6 s; what is due later is looked at once more by then
	noBucket     = -1
)

// wheel knows which connections must be looked at by when. A connection is looked at up to a tick late, so that many are looked at at once.
type wheel struct {
	buckets [wheelBuckets]*connection
	tick    int64 // up to which all buckets have been emptied
	count   int
}

// ticks is the first tick that is not before a time.
func ticks(t time.Duration) int64 { return int64((t + wheelTick - 1) / wheelTick) }

// set says when the connection is due; 0 is never.
func (w *wheel) set(c *connection, due time.Duration) {
	c.due = due
	if due == 0 {
		w.remove(c)
		return
	}
	at := min(max(ticks(due), w.tick+1), w.tick+wheelBuckets-1)
	bucket := int32(at % wheelBuckets)
	if bucket == c.bucket {
		return
	}
	w.remove(c)
	c.bucket, c.later = bucket, w.buckets[bucket]
	if c.later != nil {
		c.later.sooner = c
	}
	w.buckets[bucket] = c
	w.count++
}

func (w *wheel) remove(c *connection) {
	if c.bucket == noBucket {
		return
	}
	if c.sooner != nil {
		c.sooner.later = c.later
	} else {
		w.buckets[c.bucket] = c.later
	}
	if c.later != nil {
		c.later.sooner = c.sooner
	}
	c.bucket, c.later, c.sooner = noBucket, nil, nil
	w.count--
}

// pop takes out a connection that is due; nil if none is.
func (w *wheel) pop(now time.Duration) *connection {
	for last := int64(now / wheelTick); w.tick < last; {
		if w.count == 0 {
			w.tick = last
			return nil
		}
		c := w.buckets[(w.tick+1)%wheelBuckets]
		if c == nil {
			w.tick++
			continue
		}
		w.remove(c)
		if c.due <= now {
			return c
		}
		w.set(c, c.due)
	}
	return nil
}

// next is the time of the first bucket that is not empty; 0 if all are.
func (w *wheel) next() time.Duration {
	if w.count == 0 {
		return 0
	}
	for at := w.tick + 1; ; at++ {
		if w.buckets[at%wheelBuckets] != nil {
			return time.Duration(at) * wheelTick
		}
	}
}
