package timeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// firstPositions asks the store for the first positions of those messages among what was found whose first record may stand before what is remembered.
func (t *Timeline) firstPositions(ctx context.Context, found []applying) (map[store.Key]events.Position, error) {
	var asked []store.Key
	for _, a := range found {
		if a.named() || a.entry.Message.Type == wire.RoomChange || !t.firsts.Sure(a.record) {
			asked = append(asked, store.KeyOf(a.entry))
		}
	}
	if len(asked) == 0 {
		return map[store.Key]events.Position{}, nil
	}
	ctx, cancel := context.WithTimeout(telemetry.Untraced(ctx), appendTimeout+time.Duration(len(asked))*messageTimeout)
	defer cancel()
	first, err := t.store.FirstPositions(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("look for messages that the log has again: %w", orLogLost(err))
	}
	return first, nil
}

// firstOf gives the first position of a message, as the store and the records before have it, or as the log does.
func (t *Timeline) firstOf(a applying, first map[store.Key]events.Position) (at events.Position, there bool) {
	at, there = first[store.KeyOf(a.entry)]
	if before, repeated := t.before(a.record, passedOf(a.entry)); repeated && (!there || before.Compare(at) < 0) {
		return before, true
	}
	return at, there
}

// before gives where the log has a message before the position that a record says, if that is remembered.
func (t *Timeline) before(record bus.Record, message passed) (first events.Position, repeated bool) {
	first = events.Position{Epoch: message.by.Epoch}
	if message.at == message.by {
		first.Offset = t.firsts.First(record, message.key)
	} else {
		var known bool
		if first.Offset, known = t.firsts.Find(record, message.key); !known {
			return first, false
		}
	}
	return first, first.Compare(message.at) < 0
}

// standsFirst reports whether it is certain that the position of a message, or of one that is revised, is its first.
func (t *Timeline) standsFirst(record bus.Record, message passed) bool {
	if !t.firsts.Sure(record) {
		return false
	}
	_, repeated := t.before(record, message)
	return !repeated
}

// atFirst gives a revision of a message at the message's first position, if that is known and another one. Of the message it has what the first
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

// originalOf gives a message that is at a position, among what is about to be written or in the store. One that is in neither, because it has expired
// or can never be stored, is as the revision says.
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
	switch {
	case errors.Is(err, store.ErrMessageNotFound):
		return revision, nil
	case err != nil:
		return store.Entry{}, fmt.Errorf("look for a message that was revised: %w", orLogLost(err))
	}
	return entry, nil
}

// pass says that the store has a message at its first position already.
func (t *Timeline) pass(ctx context.Context, record bus.Record, message store.Key) {
	t.applied.WithLabelValues(known).Inc()
	_, span := t.tracing.Process(ctx, record)
	describe(span, message.Room, message.Message, known)
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
		return fmt.Errorf("withdraw %d messages that the log has again: %w", len(entries), err)
	}
	return nil
}
