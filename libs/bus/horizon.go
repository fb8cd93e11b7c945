package bus

import (
	"maps"
	"time"
)

// horizon is where the topics of a reader ended at a time.
type horizon struct {
	at      time.Time
	missing map[topicPartition]int64 // ends of the partitions that have not been handled so far; nil: there is nothing to wait for
}

// sighted takes where the topics ended when the brokers were asked, or later. An answer that lacks partitions says nothing. While the reader is behind the last
// one by longer than it is between two, it reaches none.
func (r *Reader) sighted(asked time.Time, ends map[topicPartition]int64) {
	for at := range r.next {
		if _, known := ends[at]; !known {
			return
		}
	}
	r.asOf = horizon{at: asked, missing: maps.Clone(ends)}
	for at := range r.next {
		r.reached(at)
	}
}

// reached notes how far a partition has been handled, and calls HandledAsOf, once for each horizon, when that is as far as it ended then in all of them.
func (r *Reader) reached(at topicPartition) {
	if r.asOf.missing == nil {
		return
	}
	if end, ok := r.asOf.missing[at]; ok && r.next[at] >= end {
		delete(r.asOf.missing, at)
	}
	if len(r.asOf.missing) == 0 {
		r.asOf.missing = nil
		r.cfg.HandledAsOf(r.asOf.at)
	}
}
