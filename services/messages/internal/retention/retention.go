// Package retention says how long messages are kept: as long as the installation says, or their room.
//
// # State
//
// A [Retention] remembers of the newest rooms how long they keep their messages, for [knownFor], and where what they keep begins, for [beginsFor]. Both
// are in the store, so losing them loses nothing. So a retention that is changed counts on other nodes within minutes.
//
// # What is kept
//
// A message goes when its time is over, by two ways that need not know of each other. The store removes it, see [store.Entry], as it was told when the
// message was written. And nobody is shown it from then on, whatever the store was told, as the retention may have been shortened since. Changes of
// members are kept for ever, as they say who may read what; they are shown as long as messages are.
//
// It is safe for concurrent use.
package retention

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Day is what retentions are counted in. A message is kept longer than what became of its send is remembered, and no longer than every store can tell.
const (
	Day   = 24 * time.Hour
	Least = 2 * Day
	Most  = 3650 * Day
)

const (
	knownFor  = 5 * time.Minute
	beginsFor = time.Minute
	maxRooms  = 16_384 // that are remembered, of each kind
	// foreseenWithin is how long a send waits to learn how long its message will be kept.
	foreseenWithin = 200 * time.Millisecond
)

// Store is the part of the store that knows the rooms' own retentions, and where messages are. See [store.Store].
type Store interface {
	Retention(ctx context.Context, room uuid.UUID) (days int, set bool, err error)
	Since(ctx context.Context, room uuid.UUID, at time.Time) (from events.Position, any bool, err error)
}

// Retention knows how long messages are kept.
type Retention struct {
	installation time.Duration
	store        Store
	now          func() time.Time
	kept         *lru.Cache[uuid.UUID, kept]
	begins       *lru.Cache[uuid.UUID, begin]
}

// kept is how long a room keeps its messages, as of a time.
type kept struct {
	keep time.Duration
	asOf time.Time
}

// begin is where what a room keeps so long begins, as of a time.
type begin struct {
	keep time.Duration
	from events.Position
	asOf time.Time
}

// New makes a Retention. The installation keeps messages for so long; 0: for ever.
func New(installation time.Duration, s Store, now func() time.Time) (*Retention, error) {
	rooms, err := lru.New[uuid.UUID, kept](maxRooms)
	if err != nil {
		return nil, fmt.Errorf("make memory of retentions: %w", err)
	}
	begins, err := lru.New[uuid.UUID, begin](maxRooms)
	if err != nil {
		return nil, fmt.Errorf("make memory of what is kept: %w", err)
	}
	return &Retention{installation: installation, store: s, now: now, kept: rooms, begins: begins}, nil
}

// Keep gives how long a room keeps its messages; 0: for ever. Errors: the store's.
func (r *Retention) Keep(ctx context.Context, room uuid.UUID) (time.Duration, error) {
	now := r.now()
	if known, ok := r.kept.Get(room); ok && now.Sub(known.asOf) < knownFor {
		return known.keep, nil
	}
	days, set, err := r.store.Retention(ctx, room)
	if err != nil {
		return 0, fmt.Errorf("read how long a room keeps its messages: %w", err)
	}
	keep := r.installation
	if set {
		keep = time.Duration(days) * Day
	}
	r.kept.Add(room, kept{keep: keep, asOf: now})
	return keep, nil
}

// Foreseen gives how long a room will keep what is sent now; 0: for ever. Where the store does not say so at once, it is as the room kept it when the store was
// asked last, else as the installation says.
func (r *Retention) Foreseen(ctx context.Context, room uuid.UUID) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, foreseenWithin)
	defer cancel()
	if keep, err := r.Keep(ctx, room); err == nil {
		return keep
	}
	if known, ok := r.kept.Get(room); ok {
		return known.keep
	}
	return r.installation
}

// Forget forgets what is known of a room: its retention is another one now.
func (r *Retention) Forget(room uuid.UUID) {
	r.kept.Remove(room)
	r.begins.Remove(room)
}

// Expires gives when the time of a message is over; zero: never.
func (r *Retention) Expires(ctx context.Context, message wire.Message) (time.Time, error) {
	if message.Type == wire.RoomChange {
		return time.Time{}, nil
	}
	return r.over(ctx, message)
}

// Over reports whether the time of a message, or of a change of members, is over, so that it is not to be shown.
func (r *Retention) Over(ctx context.Context, message wire.Message) (bool, error) {
	at, err := r.over(ctx, message)
	return !at.IsZero() && !at.After(r.now()), err
}

func (r *Retention) over(ctx context.Context, message wire.Message) (time.Time, error) {
	keep, err := r.Keep(ctx, message.RoomID)
	if err != nil || keep == 0 {
		return time.Time{}, err
	}
	return message.CreatedAt.Add(keep), nil
}

// Unstored gives, of what the store may lack of a room, the first position that may be shown. sure says that nothing is missing there: what is behind
// comes at later positions.
type Unstored func() (first events.Position, sure bool, err error)

// From gives the position from which on a room has what may be shown: in the store, or in what that may lack.
func (r *Retention) From(ctx context.Context, room uuid.UUID, unstored Unstored) (events.Position, error) {
	keep, err := r.Keep(ctx, room)
	if err != nil || keep == 0 {
		return events.Position{}, err
	}
	now := r.now()
	if known, ok := r.begins.Get(room); ok && known.keep == keep && now.Sub(known.asOf) < beginsFor {
		return known.from, nil
	}
	first, sure, err := unstored() // before the store is asked: what is written meanwhile is then in one of the two
	if err != nil {
		return events.Position{}, err
	}
	from, found, err := r.store.Since(ctx, room, now.Add(-keep))
	if err != nil {
		return events.Position{}, fmt.Errorf("find where what a room keeps begins: %w", err)
	}
	if !found || first.Compare(from) < 0 {
		from = first
	}
	if sure {
		r.begins.Add(room, begin{keep: keep, from: from, asOf: now})
	}
	return from, nil
}
