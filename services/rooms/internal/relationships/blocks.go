package relationships

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// Block blocks the other: what there was between the two ends, and the user leaves the Single room of the two, see [LeaveSingleRoom]. Errors:
// [ErrTooManyBlocked].
func (r *Relationships) Block(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (Outcome, error) {
	return r.change(ctx, "block_user", by, other, at, func(ctx context.Context, p pair) (Outcome, error) {
		if p.as == wire.Blocking {
			return Outcome{State: p.as}, nil
		}
		most := r.limits.Blocked
		if count, err := p.CountRelatives(ctx, p.user.ID, wire.Blocking, most); err != nil || count >= most {
			return Outcome{}, orElse(err, ErrTooManyBlocked)
		}
		asOther := wire.BlockedBy
		if p.as == wire.BlockedBy {
			asOther = wire.Blocking
		}
		if err := p.relate(ctx, wire.Blocking, asOther); err != nil {
			return Outcome{}, err
		}
		blocked := Outcome{State: wire.Blocking}
		if r.leave == nil {
			return blocked, nil
		}
		var err error
		blocked.Row, err = r.leave(ctx, p.Tx, p.user.ID, p.other.ID, at)
		return blocked, err
	})
}

// Unblock ends the user's block of the other, if there is one. The state says whether the other has blocked the user, and nothing else.
func (r *Relationships) Unblock(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (Outcome, error) {
	return r.change(ctx, "unblock_user", by, other, at, func(ctx context.Context, p pair) (Outcome, error) {
		switch p.as {
		case wire.Blocking:
		case wire.BlockedBy:
			return Outcome{State: p.as}, nil
		default:
			return Outcome{}, nil
		}
		asOther, err := p.Relationship(ctx, p.other.ID, p.user.ID)
		if err != nil {
			return Outcome{}, err
		}
		if asOther == wire.Blocking {
			return Outcome{State: wire.BlockedBy}, p.relate(ctx, wire.BlockedBy, wire.Blocking)
		}
		return Outcome{}, p.unrelate(ctx)
	})
}
