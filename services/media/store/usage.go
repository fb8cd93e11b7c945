package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// ScopeKind is whose usage it is.
type ScopeKind string

// The kinds, in the order in which they are locked.
const (
	ScopeRoom ScopeKind = "room"
	ScopeUser ScopeKind = "user"
)

// Scope is a user or a room.
type Scope struct {
	Kind ScopeKind
	ID   uuid.UUID
}

// Usage is what a user or a room has: media that are pending, uploaded or ready.
type Usage struct {
	Scope
	Bytes    int64
	Media    int64
	ClosedAt time.Time // since when nothing is uploaded there; zero: it is open
}

// Quotas are what a user and a room may have at most. 0: as much as they like.
type Quotas struct {
	UserBytes int64
	UserMedia int64
	RoomBytes int64
}

// Quota is one of the quotas.
type Quota string

// The quotas.
const (
	QuotaUserBytes Quota = "bytes of the user"
	QuotaUserMedia Quota = "media of the user"
	QuotaRoomBytes Quota = "bytes of the room"
)

// ledger has the usages that a transaction has locked.
type ledger struct {
	usages  map[Scope]*Usage
	touched map[Scope]bool
}

// open locks the usages of media, and more.
func open(ctx context.Context, tx Tx, media []Media, more ...Scope) (ledger, error) {
	scopes := slices.Clone(more)
	for _, m := range media {
		scopes = append(scopes, Scope{ScopeUser, m.Uploader}, Scope{ScopeRoom, m.Room})
	}
	slices.SortFunc(scopes, func(a, b Scope) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.ID[:], b.ID[:]))
	})
	locked, err := tx.LockUsages(ctx, slices.Compact(scopes))
	if err != nil {
		return ledger{}, err
	}
	l := ledger{usages: map[Scope]*Usage{}, touched: map[Scope]bool{}}
	for _, usage := range locked {
		l.usages[usage.Scope] = &usage
	}
	return l, nil
}

func (l ledger) of(kind ScopeKind, id uuid.UUID) *Usage { return l.usages[Scope{kind, id}] }

// add adds to what the uploader and the room of a medium have.
func (l ledger) add(m Media, bytes, media int64) {
	if bytes == 0 && media == 0 {
		return
	}
	for _, scope := range []Scope{{ScopeUser, m.Uploader}, {ScopeRoom, m.Room}} {
		usage := l.usages[scope]
		usage.Bytes += bytes
		usage.Media += media
		l.touched[scope] = true
	}
}

// exchange counts a medium as it is instead of as it was.
func (l ledger) exchange(was, is Media) {
	if was.counts() {
		l.add(was, -was.Size, -1)
	}
	if is.counts() {
		l.add(is, is.Size, 1)
	}
}

// shut closes a usage, unless it has been closed.
func (l ledger) shut(scope Scope, at time.Time) {
	usage := l.usages[scope]
	if usage.ClosedAt.Before(at) && (scope.Kind == ScopeUser || usage.ClosedAt.IsZero()) {
		usage.ClosedAt = at
		l.touched[scope] = true
	}
}

// save writes what has changed.
func (l ledger) save(ctx context.Context, tx Tx) error {
	var changed []Usage
	for scope := range l.touched {
		changed = append(changed, *l.usages[scope])
	}
	if len(changed) == 0 {
		return nil
	}
	return tx.SetUsages(ctx, changed)
}

// Settle is how long after a user's deletion uploads may still belong to what the user was: they are refused, and what has come meanwhile is deleted.
const Settle = time.Minute

// admit reports whether a new medium may be. Errors: [ErrClosed], [QuotaError].
func (l ledger) admit(m Media, q Quotas) error {
	user, room := l.of(ScopeUser, m.Uploader), l.of(ScopeRoom, m.Room)
	if !room.ClosedAt.IsZero() || !user.ClosedAt.IsZero() && !m.CreatedAt.After(user.ClosedAt.Add(Settle)) {
		return ErrClosed
	}
	for _, quota := range []struct {
		of                Quota
		limit, used, more int64
	}{
		{QuotaUserMedia, q.UserMedia, user.Media, 1},
		{QuotaUserBytes, q.UserBytes, user.Bytes, m.Size},
		{QuotaRoomBytes, q.RoomBytes, room.Bytes, m.Size},
	} {
		if quota.limit > 0 && quota.more > quota.limit-quota.used {
			return QuotaError{Of: quota.of, Limit: quota.limit, Used: quota.used}
		}
	}
	return nil
}
