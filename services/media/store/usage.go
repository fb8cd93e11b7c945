package store

import (
	"cmp"
	"fmt"
	"math"
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

func (s Scope) compare(other Scope) int {
	return cmp.Or(cmp.Compare(s.Kind, other.Kind), slices.Compare(s.ID[:], other.ID[:]))
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

// ledger has what a transaction adds to usages.
type ledger map[Scope]*Usage

func (l ledger) of(kind ScopeKind, id uuid.UUID) *Usage {
	scope := Scope{kind, id}
	if _, ok := l[scope]; !ok {
		l[scope] = &Usage{Scope: scope}
	}
	return l[scope]
}

// exchange counts a medium as it is instead of as it was. The usage of its uploader is locked at least: its events are told in their order.
func (l ledger) exchange(was, is Media) {
	for _, usage := range []*Usage{l.of(ScopeUser, was.Uploader), l.of(ScopeRoom, was.Room)} {
		if was.counts() {
			usage.Bytes -= was.Size
			usage.Media--
		}
		if is.counts() {
			usage.Bytes += is.Size
			usage.Media++
		}
	}
}

// sorted gives what is added in the order in which it is locked, without rooms that stay as they are.
func (l ledger) sorted() (all []Usage) {
	for _, usage := range l {
		if usage.Kind == ScopeUser || usage.Bytes != 0 || usage.Media != 0 || !usage.ClosedAt.IsZero() {
			all = append(all, *usage)
		}
	}
	slices.SortFunc(all, func(a, b Usage) int { return a.compare(b.Scope) })
	return all
}

// Settle is how long after a user's deletion uploads may still belong to what the user was: they are refused, and what has come meanwhile is deleted.
const Settle = time.Minute

// admit reports whether a new medium may be beside what its uploader and its room have. Errors: [ErrClosed], [QuotaError], [ErrUnstorable].
func admit(m Media, q Quotas, user, room Usage) error {
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
	if m.Size > math.MaxInt64-max(user.Bytes, room.Bytes) {
		return fmt.Errorf("%w: more bytes than can be counted", ErrUnstorable)
	}
	return nil
}
