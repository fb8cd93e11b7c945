package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Entry is a notification in a user's inbox.
type Entry struct {
	UserID uuid.UUID
	ID     uuid.UUID // of what happened: a user's inbox has it once
	At     time.Time // when it happened, UTC, microseconds
	// Expires is when it goes, if before the retention; zero: not before.
	Expires time.Time
	// Position is where it is in the user's inbox: the first has 1, and each the next number. The store gives it.
	Position int64
	Read     bool
	// Event is what the user's streams show of it: one JSON object, on one line.
	Event []byte
}

const (
	// Again is how far apart the times of two entries of a user may be that have one id: of the second nothing is kept then. What is told later again is
	// told anew.
	Again = 8 * 24 * time.Hour
	// Settle is how long after a user's deletion things may still happen that belong to what the user was: of them nothing is kept.
	Settle = time.Minute
	// Counted is how many unread entries are counted at most.
	Counted = 1000
)

// Span says which part of an inbox is asked for. Both ends are open: nothing at From or at Before belongs to it.
type Span struct {
	From   int64 // 0: from the first on
	Before int64 // 0: to the newest
	// Oldest says that those are given which came first, in the order in which they came; else the newest, in reverse.
	Oldest bool
}

// Kept is what of an inbox is shown: what happened later than Since, and has not expired by Now.
type Kept struct{ Since, Now time.Time }

// Counts is what a user has not read.
type Counts struct {
	Unread int   // at most [Counted]
	Newest int64 // the newest entry that was counted, or was before; 0: there was none
}

// Inbox keeps inboxes.
type Inbox interface {
	// Put adds entries, whose times are UTC with microseconds, all or none, each user's in the order in which they are given. Left out are those that the
	// inbox has, see [Again], and those of users who were deleted, see [Settle]. It reports how many it has added.
	Put(ctx context.Context, entries []Entry) (added int, err error)
	// Entries gives at most so many of a user's entries.
	Entries(ctx context.Context, user uuid.UUID, span Span, kept Kept, limit int) ([]Entry, error)
	// Unread counts what a user has not read.
	Unread(ctx context.Context, user uuid.UUID, kept Kept) (Counts, error)
	// ReadUpTo marks as read all that a user has up to a position, and gives what is left. What is not there yet is not marked.
	ReadUpTo(ctx context.Context, user uuid.UUID, position int64, kept Kept) (Counts, error)
	// Read marks single entries as read, and gives what is left. Ids that the inbox has not are passed over.
	Read(ctx context.Context, user uuid.UUID, ids []uuid.UUID, kept Kept) (Counts, error)
	// Erase deletes at most so many of a deleted user's entries, and reports how many; fewer than that: all are gone. What happened before [Settle] after at
	// is not put any more.
	Erase(ctx context.Context, user uuid.UUID, at time.Time, limit int) (erased int, err error)
	// Clear deletes what is not shown any more, at most so many entries at once; it reports whether there may be more. Those of a week may go together,
	// when the week has ended for all.
	Clear(ctx context.Context, kept Kept, limit int) (more bool, err error)
}
