// Package outbox brings events to the log that belong to a change in a service's database: the change and its events, as rows of the table
// outbox, are one transaction, and a relay brings the rows to the log.
//
// # State
//
// The table is the only state that matters. A [Row] is in it from the commit of its change until the log has acknowledged it and the relay has
// deleted it. The order of rows is that of their ids. Beside it a process keeps what it shows as metrics, who waits for a row ([Relay.Await]), and
// which rows it has brought to the log, the newest 10,000: that memory only saves work.
//
// # Who may touch it
//
// Any process appends rows, with the transactions of its changes. Of all relays one leads at a time ([Outbox.Lead]), and only the leader reads
// and deletes. A [Lead] belongs to one goroutine; everything else is safe for concurrent use.
//
// # Lifecycle
//
// A [Relay] runs in every process of the service: it waits for the lead, relays until something fails, releases the lead, and begins again
// after a while. When its process ends another relay takes over.
//
// # Invariants
//
//   - The rows of one key come to the log in the order in which their transactions commit, if each transaction locks what the key names before
//     it appends. Ids are given out before the commit, so nothing is said of the rows of different keys.
//   - The leader reads the oldest rows, writes them to the log in their order, deletes them, and begins again. It remembers no id from which to
//     go on: a row with a low id whose transaction commits late is there at the next read.
//   - What the log has acknowledged to a process that process does not write again: where it could not delete rows, it deletes them first. It
//     knows them by their events' ids, as a database that has lost its last commits gives ids of rows a second time.
//   - A row is deleted only after the log has acknowledged it.
//   - A row has its event's id from the beginning, so a row that is written twice is one event.
//   - No row is larger than what brokers take ([MaxValue]), and no batch is larger than a small part of what a producer queues, so none blocks
//     those behind it for ever.
//   - What wakes the leader only saves waiting. It also looks once a second.
//
// # Failures
//
//   - The log is down: rows stay, the relay tries again, [Relay.Await] gives up after a second and the change follows later.
//   - A batch is acknowledged in part: all of it is written again, with the same event ids.
//   - The relay's process ends between the acknowledgement and the deletion, or another process leads next: the rows are written again, with
//     the same event ids. Edges drop what is in their memory.
//   - The database is down: nothing changes and nothing is relayed. Requests that wait ask it at most one question at a time, the less often the
//     longer nothing has changed.
//   - The leader's machine vanishes: the backend says how soon another relay gets the lead. The old one can write its last batch a second
//     time, and cannot delete.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/events"
)

// MaxValue is the largest value of a row, bytes: below what Kafka's brokers take by default (message.max.bytes is 1,048,588).
const MaxValue = 900_000

// ErrTooLarge says that an event is larger than [MaxValue].
var ErrTooLarge = errors.New("the event is too large for the log")

// Row is a row of the outbox: a record of the log that is to be.
type Row struct {
	ID      int64 // given by the outbox when the row is appended
	Topic   string
	Key     string
	Headers map[string]string
	Value   []byte    // empty: the record is a tombstone, and has none
	At      time.Time // of the event, UTC, microseconds
}

// NewRow makes the row of an event, which happened at the given time, in the service that source names (for example "/ism/rooms"). The event
// has its id from here on, and belongs to the trace of ctx. Errors: [ErrTooLarge], [events.ErrMalformed].
func NewRow(ctx context.Context, propagator propagation.TextMapPropagator, source string, at time.Time, data events.Data) (Row, error) {
	event := events.New(source, at, data)
	headers, value, err := events.Encode(event)
	if err != nil {
		return Row{}, fmt.Errorf("encode event for the outbox: %w", err)
	}
	if len(value) > MaxValue {
		return Row{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(value))
	}
	if value == nil { // the tables have no NULL there
		value = []byte{}
	}
	propagator.Inject(ctx, propagation.MapCarrier(headers))
	return Row{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, At: event.Time}, nil
}

// Outbox is the part of a service's store that the relay works on.
type Outbox interface {
	// Pending gives those of the rows that are still in the outbox, in any order.
	Pending(ctx context.Context, rows []int64) ([]int64, error)
	// Lead waits until no other relay leads, in any process, and gives the lead.
	Lead(ctx context.Context) (Lead, error)
}

// Lead is the outbox as its one relay sees it. It is for one goroutine. An error of any method may mean that the lead is lost, and is reason
// to release it.
type Lead interface {
	// Oldest gives the rows with the lowest ids, in the order of their ids: at most so many, and no more than have so many bytes in their
	// values together. The first is given whatever its size.
	Oldest(ctx context.Context, rows, bytes int) ([]Row, error)
	// Count gives the number of rows, but counts no further than to limit.
	Count(ctx context.Context, limit int) (int, error)
	// Delete removes rows that are in the log.
	Delete(ctx context.Context, rows []int64) error
	// Wait waits until rows have been committed since Oldest was last called, but no longer than timeout: then it gives nil, too.
	Wait(ctx context.Context, timeout time.Duration) error
	// Release gives the lead up.
	Release()
}
