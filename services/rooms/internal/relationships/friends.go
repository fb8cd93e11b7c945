package relationships

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// Add asks the other to be friends or, where the other has asked, accepts. It puts [events.FriendRequested] or [events.FriendAccepted] into the
// outbox. Errors: [people.ErrBlocked], [ErrTooManyRequests], [ErrTooManyFriends], [store.OverBudgetError].
func (r *Relationships) Add(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (Outcome, error) {
	return r.change(ctx, "add_friend", by, other, at, func(ctx context.Context, p pair) (Outcome, error) {
		switch p.as {
		case wire.Friend, wire.InviteSent:
			return Outcome{State: p.as}, nil
		case wire.InviteReceived:
			return p.befriend(ctx)
		case wire.Blocking, wire.BlockedBy:
			return Outcome{}, people.ErrBlocked
		default:
			return p.ask(ctx)
		}
	})
}

// Accept makes a user and one who has asked it friends, and puts [events.FriendAccepted] into the outbox. Errors: [ErrRequestNotFound],
// [ErrTooManyFriends].
func (r *Relationships) Accept(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (Outcome, error) {
	return r.change(ctx, "accept_friend", by, other, at, func(ctx context.Context, p pair) (Outcome, error) {
		switch p.as {
		case wire.Friend:
			return Outcome{State: p.as}, nil
		case wire.InviteReceived:
			return p.befriend(ctx)
		default:
			return Outcome{}, ErrRequestNotFound
		}
	})
}

// Reject ends the other's request to be friends. The other is not told. Errors: [ErrRequestNotFound].
func (r *Relationships) Reject(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (Outcome, error) {
	return r.change(ctx, "reject_friend", by, other, at, func(ctx context.Context, p pair) (Outcome, error) {
		if p.as != wire.InviteReceived {
			return Outcome{}, ErrRequestNotFound
		}
		return Outcome{}, p.unrelate(ctx)
	})
}

// Remove ends a friendship, or takes the user's own request back. The other is not told. Errors: [ErrFriendNotFound].
func (r *Relationships) Remove(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (Outcome, error) {
	return r.change(ctx, "remove_friend", by, other, at, func(ctx context.Context, p pair) (Outcome, error) {
		if p.as != wire.Friend && p.as != wire.InviteSent {
			return Outcome{}, ErrFriendNotFound
		}
		return Outcome{}, p.unrelate(ctx)
	})
}

// ask asks the other to be friends.
func (p pair) ask(ctx context.Context) (Outcome, error) {
	most := p.of.limits.Requests
	for _, side := range []struct {
		user uuid.UUID
		as   wire.Relationship
	}{{p.user.ID, wire.InviteSent}, {p.other.ID, wire.InviteReceived}} {
		if count, err := p.CountRelatives(ctx, side.user, side.as, most); err != nil || count >= most {
			return Outcome{}, orElse(err, ErrTooManyRequests)
		}
	}
	if err := changes.Spend(ctx, p, p.user.ID, store.Contacts, p.at, 1, p.of.limits.Contacts); err != nil {
		return Outcome{}, err
	}
	if err := p.relate(ctx, wire.InviteSent, wire.InviteReceived); err != nil {
		return Outcome{}, err
	}
	row, err := p.tell(ctx, events.FriendRequested{UserID: p.other.ID, FromUser: p.user, Tenant: p.tenant})
	return Outcome{State: wire.InviteSent, Row: row}, err
}

// befriend makes the user and the other, who has asked it, friends.
func (p pair) befriend(ctx context.Context) (Outcome, error) {
	if most := p.of.limits.Friends; p.user.FriendsCount >= most || p.other.FriendsCount >= most {
		return Outcome{}, ErrTooManyFriends
	}
	if err := p.relate(ctx, wire.Friend, wire.Friend); err != nil {
		return Outcome{}, err
	}
	from := p.user
	from.FriendsCount++
	row, err := p.tell(ctx, events.FriendAccepted{UserID: p.other.ID, FromUser: from, Tenant: p.tenant})
	return Outcome{State: wire.Friend, Row: row}, err
}

func orElse(err, refusal error) error {
	if err != nil {
		return err
	}
	return refusal
}
