package bus

import (
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A fetch that finds nothing waits at the broker for so long: a new record is here at once, and rest costs next to nothing. A client has one
// fetch under way with each broker, and a partition that it did not ask for then, because it was paused or not assigned yet, has to wait until
// that one ends. A reader pauses nothing.
const (
	readerLongPoll = 5 * time.Second
	groupLongPoll  = 2 * time.Second
)

// fetching is how a client fetches. With a wait, records are fetched in company: while one stands in the client's queue nothing more is
// fetched, and the client looks again after the wait. So it fetches once in a wait at most, and at rest not more often than others.
func fetching(longPoll, wait time.Duration) kafka.ConfigMap {
	settings := kafka.ConfigMap{
		"fetch.wait.max.ms":          int(longPoll.Milliseconds()),
		"fetch.queue.backoff.ms":     10, // fetching goes on soon after a queue was full
		"queued.max.messages.kbytes": 16 << 10,
	}
	if wait > 0 {
		settings["queued.min.messages"] = 1
		settings["fetch.queue.backoff.ms"] = int(wait.Milliseconds())
	}
	return settings
}
