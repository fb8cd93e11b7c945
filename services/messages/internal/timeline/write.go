package timeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// applying is a record and the entry that is made of it.
type applying struct {
	record bus.Record
	event  uuid.UUID
	entry  store.Entry
}

// revises reports whether the record is of an edit or a deletion.
func (a applying) revises() bool { return a.entry.Revision != (events.Position{}) }

// named reports whether the message's sender has named it.
func (a applying) named() bool { return a.entry.Message.ClientID != "" }

// write writes entries of one partition that the store may lack. What it has written before it fails is remembered. If the error is
// [bus.ErrRejected] all others are written, after any other error some.
func (t *Timeline) write(ctx context.Context, missing []applying) error {
	done, err := bus.InChunks(slices.Collect(slices.Chunk(missing, chunkSize)), func(chunk []applying) error { return t.append(ctx, chunk) })
	if err != nil {
		for _, a := range done {
			t.remember(a.event, a.entry)
		}
	}
	return err
}

// append appends entries to the store, each also shown in the trace of its send. The error is [bus.ErrRejected] if one of them is at fault.
func (t *Timeline) append(ctx context.Context, chunk []applying) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout+time.Duration(len(chunk))*messageTimeout)
	defer cancel()
	entries, records := make([]store.Entry, len(chunk)), make([]bus.Record, len(chunk))
	for i, a := range chunk {
		entries[i], records[i] = a.entry, a.record
	}
	ctx, spans := t.tracing.Batch(ctx, records)
	for i, span := range spans {
		describe(span, entries[i].Message.RoomID, entries[i].Message.ID, written)
	}
	err := t.put(ctx, entries)
	bus.EndSpans(spans, err)
	switch {
	case err == nil:
		t.applied.WithLabelValues(written).Add(float64(len(entries)))
		return nil
	case errors.Is(err, store.ErrUnstorable):
		return fmt.Errorf("%w: %w", bus.ErrRejected, err)
	default:
		return fmt.Errorf("apply %d messages to timelines: %w", len(entries), orLogLost(err))
	}
}
