package bus

import (
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A fetch that finds nothing waits at the broker: a new record is here at once, and rest costs next to nothing. A client has one fetch under way
// with each broker, and what that one leaves out waits until it ends:
//
//   - a partition of a group that was paused or not assigned yet;
//   - a partition of a reader that has just been started or connected anew: on a busy machine the client begins to fetch some of them before it has
//     come to the others. One start in a hundred did;
//   - with a fetch wait, a partition of which there has just been a record, see [LongestWait].
const (
	readerLongPoll = time.Second
	groupLongPoll  = 2 * time.Second
	companyFactor  = 5
)

// LongestWait is how long a record may be in the log until a group with the fetch wait has it: one that comes just behind another waits for company, and
// until a fetch ends that has left its partition out. A busy machine adds to it.
func LongestWait(fetchWait time.Duration) time.Duration {
	return longPoll(groupLongPoll, fetchWait) + fetchWait
}

// longPoll is how long a client's fetch waits that finds nothing, at most the given time.
func longPoll(most, wait time.Duration) time.Duration {
	if wait == 0 {
		return most
	}
	return min(most, companyFactor*wait)
}

// fetching is how a client fetches. With a wait, records are fetched in company: while one stands in the client's queue nothing more is
// fetched, and the client looks again after the wait. So it fetches once in a wait at most.
func fetching(mostLongPoll, wait time.Duration) kafka.ConfigMap {
	settings := kafka.ConfigMap{
		"fetch.wait.max.ms":          int(longPoll(mostLongPoll, wait).Milliseconds()),
		"fetch.queue.backoff.ms":     10, // fetching goes on soon after a queue was full
		"queued.max.messages.kbytes": 16 << 10,
	}
	if wait > 0 {
		settings["queued.min.messages"] = 1
		settings["fetch.queue.backoff.ms"] = int(wait.Milliseconds())
	}
	return settings
}
