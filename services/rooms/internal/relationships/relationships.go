// Package relationships is how users come to stand to each other: friends, requests to be friends, and blocks. Each rule is written here
// once, for every store: lock both users, look how they stand, decide, write, append the event to the outbox.
//
// # Rules
//
//   - Two users are friends, or one has asked the other, or one or both have blocked the other, or there is nothing between them.
//   - To ask somebody who has asked already is to accept. So of two who ask each other at the same moment one asks and the other accepts, and they
//     are friends, whichever of the two was first.
//   - What is asked for and is so already changes nothing and tells nobody.
//   - A block ends what there was. While it lasts neither can ask the other, and neither can draw the other into a room. Who is refused learns
//     no more than what the relationship says anyway.
//   - Nobody has more friends, requests or blocks than [Limits] allow.
//
// A change may be begun anew by its store, so what it gives back is set by its last run.
package relationships

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

var (
	// ErrOneself says that a user wants to stand in a relationship to itself.
	ErrOneself = errors.New("users have no relationship to themselves")
	// ErrRequestNotFound says that the other has not asked the user to be friends.
	ErrRequestNotFound = errors.New("there is no such request")
	// ErrFriendNotFound says that the two are not friends, and that the user has not asked the other.
	ErrFriendNotFound = errors.New("there is no such friend")
	// ErrTooManyFriends says that one of the two has as many friends as a user may have.
	ErrTooManyFriends = errors.New("too many friends")
	// ErrTooManyRequests says that the user has asked as many others as it may, or that the other is asked by as many as may.
	ErrTooManyRequests = errors.New("too many requests to be friends")
	// ErrTooManyBlocked says that the user has blocked as many others as it may.
	ErrTooManyBlocked = errors.New("too many blocked users")
)

// Refusals are the errors that are about the request, beside [store.Refusals].
func Refusals() []error {
	return []error{ErrOneself, ErrRequestNotFound, ErrFriendNotFound, ErrTooManyFriends, ErrTooManyRequests, ErrTooManyBlocked}
}

// Limits are the most that one user may have.
type Limits struct {
	Friends  int
	Requests int // that are sent, and as many that are received
	Blocked  int
	Contacts int // new requests in an hour; 0: as many as there may be
}

// Default are the limits of every installation.
func Default() Limits { return Limits{Friends: 1000, Requests: 1000, Blocked: 10_000} }

// Store is the part of the store that relationships are written with, see [store.Store].
type Store interface {
	Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) error
}

// LeaveSingleRoom takes the user out of the Single room of the two, if they have one, in the transaction that blocks. Both users are locked. It
// gives the row of the outbox, 0 where there was nothing to leave.
type LeaveSingleRoom func(ctx context.Context, tx store.Tx, user, other uuid.UUID, at time.Time) (row int64, err error)

// Relationships changes how users stand to each other. It is safe for concurrent use. Errors are the store's, beside those that the methods
// name; all of them give [people.ErrUserNotFound] where the tenant has no such other, and [ErrOneself].
type Relationships struct {
	store      Store
	limits     Limits
	propagator propagation.TextMapPropagator
	leave      LeaveSingleRoom // nil: nobody leaves
}

// New makes a Relationships. The events that it appends carry the trace of their request, as the propagator writes it.
func New(s Store, limits Limits, propagator propagation.TextMapPropagator, leave LeaveSingleRoom) *Relationships {
	return &Relationships{store: s, limits: limits, propagator: propagator, leave: leave}
}

// Outcome is what a change has come to.
type Outcome struct {
	State wire.Relationship // as the user sees the other
	Row   int64             // of the outbox; 0: nothing has happened that anybody would be told
}

// pair is two users in the transaction that has locked them.
type pair struct {
	store.Tx

	of          *Relationships
	tenant      string
	user, other wire.User
	as          wire.Relationship // as the user sees the other
	at          time.Time
}

// change locks the two users, and lets decide say what comes of them.
func (r *Relationships) change(ctx context.Context, operation string, by people.Viewer, other uuid.UUID, at time.Time,
	decide func(ctx context.Context, p pair) (Outcome, error),
) (outcome Outcome, err error) {
	if other == by.ID {
		return Outcome{}, ErrOneself
	}
	err = r.store.Transact(ctx, operation, func(ctx context.Context, tx store.Tx) error {
		p, err := r.lock(ctx, tx, by, other)
		if err != nil {
			return err
		}
		p.at = at
		outcome, err = decide(ctx, p)
		return err
	})
	if err != nil {
		return Outcome{}, err
	}
	return outcome, nil
}

func (r *Relationships) lock(ctx context.Context, tx store.Tx, by people.Viewer, other uuid.UUID) (pair, error) {
	users, err := tx.LockUsers(ctx, by.Tenant, []uuid.UUID{by.ID, other})
	if err != nil {
		return pair{}, err
	}
	if len(users) != 2 {
		return pair{}, people.ErrUserNotFound
	}
	as, err := tx.Relationship(ctx, by.ID, other)
	if err != nil {
		return pair{}, err
	}
	p := pair{Tx: tx, of: r, tenant: by.Tenant, user: users[0], other: users[1], as: as}
	if p.other.ID != other {
		p.user, p.other = p.other, p.user
	}
	return p, nil
}

// relate makes the two stand to each other as said.
func (p pair) relate(ctx context.Context, asUser, asOther wire.Relationship) error {
	return p.Relate(ctx, people.Bond{User: p.user.ID, Other: p.other.ID, AsUser: asUser, AsOther: asOther}, p.at)
}

func (p pair) unrelate(ctx context.Context) error { return p.Unrelate(ctx, p.user.ID, p.other.ID) }

// tell appends an event for the other to the outbox, and gives the row.
func (p pair) tell(ctx context.Context, event events.UserEvent) (int64, error) {
	row, err := outbox.NewRow(ctx, p.of.propagator, changes.Source, p.at, event)
	if err != nil {
		return 0, err
	}
	return p.Append(ctx, row)
}
