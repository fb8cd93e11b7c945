// Package changes is how rooms change. Each change is written here once, for every store: lock, decide, write, append the event to the outbox.
//
// A change is a method of [Changes] in a file of its own. It runs in one transaction, which may be begun anew, so what it gives back is set by
// its last run.
package changes

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Source is the CloudEvents source of the events.
const Source = "/ism/rooms"

// Store is the part of the store that changes are written with, see [store.Store].
type Store interface {
	Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error
}

// Changes changes rooms. It is safe for concurrent use. Errors are the store's, beside those that the methods name.
type Changes struct {
	store      Store
	propagator propagation.TextMapPropagator
	rules      Rules
}

// Rules are what an installation decides for all of its rooms.
type Rules struct {
	CountChanges    bool // messages of who joins and leaves count as unread
	PrivateReceipts bool // nobody is told what others have read
	// ErasedBy are the other services whose part the receipt of an erasure waits for.
	ErasedBy []string
}

// New makes a Changes. The events that it appends carry the trace of their request, as the propagator writes it.
func New(s Store, propagator propagation.TextMapPropagator) *Changes {
	return &Changes{store: s, propagator: propagator}
}

// With gives the same with other rules than the default, which are those of [Rules]' zero value.
func (c *Changes) With(rules Rules) *Changes {
	return &Changes{store: c.store, propagator: c.propagator, rules: rules}
}

// append adds the event to the outbox, and gives the row's id.
func (c *Changes) append(ctx context.Context, tx store.Tx, at time.Time, event events.Data) (int64, error) {
	row, err := outbox.NewRow(ctx, c.propagator, Source, at, event)
	if err != nil {
		return 0, err
	}
	return tx.Append(ctx, row)
}
