package changes

import (
	"context"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

// SignOut puts [events.UserSignedOut] into the outbox, where it is safe, and gives the row. Nothing else changes: who is signed out is in the log alone.
func (c *Changes) SignOut(ctx context.Context, told events.UserSignedOut) (row int64, err error) {
	err = c.store.Transact(ctx, "sign_out", func(ctx context.Context, tx store.Tx) error {
		row, err = c.append(ctx, tx, told.Before.Time, told)
		return err
	})
	return row, err
}
