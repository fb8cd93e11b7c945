package rooms

import (
	"context"
	"errors"
	"fmt"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/internal/previews"
	"github.com/ism-chat/ism/services/rooms/store"
)

// taker takes records of one partition: of the rooms' log into previews, of the users' into receipts.
type taker struct {
	lists   *previews.Previews
	changes *changes.Changes
}

func (t taker) take(ctx context.Context, records []bus.Record) error {
	if records[0].Topic == events.TopicUsers {
		return t.takeReceipts(ctx, records)
	}
	return t.lists.Apply(ctx, records)
}

// takeReceipts puts what other services have erased into receipts. Of its own part rooms tells itself.
func (t taker) takeReceipts(ctx context.Context, records []bus.Record) error {
	told, err := bus.Decode[events.UserErased](records)
	if err != nil {
		return err
	}
	for _, event := range told {
		if event.Data.Service == "rooms" {
			continue
		}
		switch err := t.changes.FinishElsewhere(ctx, event.Data); {
		case errors.Is(err, store.ErrUnstorable):
			return fmt.Errorf("%w: take a receipt: %w", bus.ErrRejected, err)
		case err != nil:
			return fmt.Errorf("take a receipt: %w", err)
		}
	}
	return nil
}
