package timeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
)

// firstOfNamed asks the store for the first positions of the named messages among those found.
func (t *Timeline) firstOfNamed(ctx context.Context, found []applying) (map[store.Key]events.Position, error) {
	var named []store.Key
	for _, a := range found {
		if a.entry.Message.ClientID != "" {
			named = append(named, store.KeyOf(a.entry))
		}
	}
	if len(named) == 0 {
		return map[store.Key]events.Position{}, nil
	}
	ctx, cancel := context.WithTimeout(telemetry.Untraced(ctx), appendTimeout+time.Duration(len(named))*messageTimeout)
	defer cancel()
	first, err := t.store.FirstPositions(ctx, named)
	if err != nil {
		return nil, fmt.Errorf("look for messages that were sent again: %w", err)
	}
	return first, nil
}

// atFirst gives a revision of a named message at the message's first position, if that is known and another one. Of the message it has what the first
// record says.
func (t *Timeline) atFirst(ctx context.Context, revision store.Entry, first events.Position, known bool, before []applying) (store.Entry, error) {
	if !known || first.Compare(revision.Position) >= 0 {
		return revision, nil
	}
	original, err := t.originalOf(ctx, revision, first, before)
	if err != nil {
		return store.Entry{}, err
	}
	revision.Position, revision.Message.CreatedAt, revision.Pace = first, original.Message.CreatedAt, original.Pace
	return revision, nil
}

// originalOf gives a message that is at a position, among what is about to be written or in the store.
func (t *Timeline) originalOf(ctx context.Context, revision store.Entry, at events.Position, before []applying) (store.Entry, error) {
	key := store.KeyOf(revision)
	for _, b := range before {
		if store.KeyOf(b.entry) == key && b.entry.Position == at {
			return b.entry, nil
		}
	}
	ctx, cancel := context.WithTimeout(telemetry.Untraced(ctx), appendTimeout)
	defer cancel()
	entry, err := t.store.Find(ctx, key.Room, key.Message)
	if err != nil {
		return store.Entry{}, fmt.Errorf("look for a message that was revised: %w", orLogLost(err))
	}
	return entry, nil
}

// pass says that the store has a message at its first position already.
func (t *Timeline) pass(ctx context.Context, a applying) {
	t.applied.WithLabelValues(known).Inc()
	_, span := t.tracing.Process(ctx, a.record)
	describe(span, a.entry.Message.RoomID, a.entry.Message.ID, known)
	span.End()
}

// withdraw takes messages from positions at which the log has them again: the sends that wrote those may have written them there.
func (t *Timeline) withdraw(ctx context.Context, again []applying) error {
	for chunk := range slices.Chunk(again, chunkSize) {
		if err := t.withdrawChunk(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (t *Timeline) withdrawChunk(ctx context.Context, chunk []applying) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout+time.Duration(len(chunk))*messageTimeout)
	defer cancel()
	entries := make([]store.Entry, len(chunk))
	for i, a := range chunk {
		entries[i] = a.entry
		_, span := t.tracing.Process(ctx, a.record)
		describe(span, a.entry.Message.RoomID, a.entry.Message.ID, repeated)
		span.End()
		t.applied.WithLabelValues(repeated).Inc()
	}
	err := t.date(ctx, entries)
	if err == nil {
		err = t.store.Withdraw(ctx, entries)
	}
	if err != nil {
		return fmt.Errorf("withdraw %d messages that were sent again: %w", len(entries), err)
	}
	return nil
}
