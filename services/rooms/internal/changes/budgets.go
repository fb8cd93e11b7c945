package changes

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Budgets are what a user may do in each hour of the clock; 0: as often as it likes. A backend has none.
type Budgets struct {
	Creations   int
	Invitations int
	Contacts    int
}

// Spend takes from a user's budget, of which most is the hour's; 0: there is none. Errors: [store.OverBudgetError].
func Spend(ctx context.Context, tx store.BudgetsTx, user uuid.UUID, on store.Spending, at time.Time, amount, most int) error {
	if most == 0 || amount == 0 {
		return nil
	}
	hour := at.Truncate(time.Hour)
	within, err := tx.Spend(ctx, user, on, hour, amount, most)
	if err == nil && !within {
		err = store.OverBudgetError{Kind: on, Wait: hour.Add(time.Hour).Sub(at)}
	}
	return err
}

// spend takes what the creation of a room costs its creator.
func (r NewRoom) spend(ctx context.Context, tx store.Tx) error {
	if r.Backend != nil {
		return nil
	}
	if err := Spend(ctx, tx, r.Creator, store.Creations, r.At, 1, r.Budgets.Creations); err != nil {
		return err
	}
	if r.Type == wire.Group {
		return Spend(ctx, tx, r.Creator, store.Invitations, r.At, len(r.Users)-1, r.Budgets.Invitations)
	}
	if r.Budgets.Contacts == 0 {
		return nil
	}
	friends, err := tx.Friends(ctx, r.Creator, r.others())
	if err != nil || len(friends) > 0 {
		return err
	}
	return Spend(ctx, tx, r.Creator, store.Contacts, r.At, 1, r.Budgets.Contacts)
}
