package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// ErrOverBudget is what an [OverBudgetError] is.
var ErrOverBudget = errors.New("over budget")

// OverBudgetError says that a user has done something as often as it may in an hour.
type OverBudgetError struct {
	Kind Spending
	Wait time.Duration // until the next hour
}

func (e OverBudgetError) Error() string { return "no more " + string(e.Kind) + " in this hour" }

// Is makes it an [ErrOverBudget].
func (e OverBudgetError) Is(target error) bool { return target == ErrOverBudget }

// Spending is what users have a budget for.
type Spending string

// What users have budgets for.
const (
	Creations   Spending = "creations"   // of rooms
	Invitations Spending = "invitations" // users who are drawn into a Group, by its creation, too
	Contacts    Spending = "contacts"    // Single rooms with users who are no friends, and requests to be friends
)

// BudgetsTx is the part of a transaction that counts what users do. What is undone is not counted.
type BudgetsTx interface {
	// Spend adds to what the user has spent in the hour, and reports whether it stays within the most. Where it does not, nothing is added. Of two
	// processes whose clocks differ the later hour counts. It comes behind the locks of users and before those of rooms.
	Spend(ctx context.Context, user uuid.UUID, on Spending, hour time.Time, amount, most int) (within bool, err error)
}
