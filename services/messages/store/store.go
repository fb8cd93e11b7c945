// Package store says what the messages service needs of a store of timelines. The backends are in the packages beneath
// it, and package storetest holds each of them to what is written here.
//
// A timeline is ordered by position and by nothing else: a message's createdAt is a clock's word, and clocks differ.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// ErrUnavailable says that the store cannot be reached, refuses or is too slow. What was being written may have been.
var ErrUnavailable = errors.New("the message store is unavailable")

// Entry is a message at its position. Its CreatedAt has microseconds; anything finer is cut off.
type Entry struct {
	Position events.Position
	Message  wire.Message
}

// Range is the part of a timeline that a page is cut from.
type Range struct {
	// Before is the position behind the newest message of the range; [events.EndOfLog] for the whole timeline.
	Before events.Position
	// CreatedBefore, if not zero, leaves out what was created at that time or later.
	CreatedBefore time.Time
}

// LocateWindow is how many messages [Store.Locate] looks at to find a point in time among clocks that differ.
const LocateWindow = 32

// Store keeps timelines. Its methods are safe for concurrent use. Unless said otherwise their errors are [ErrUnavailable],
// wrapped, or the context's.
type Store interface {
	// Run connects, makes the schema, and stays until ctx is done; then it closes. A store that is not there is tried again
	// with a growing delay. Until the store is connected every other method gives [ErrUnavailable] at once.
	Run(ctx context.Context) error

	// Append writes messages, durably once it returns. A message at a position that is taken is the same message, so writing
	// it again changes nothing. After an error any of the messages may have been written.
	Append(ctx context.Context, entries []Entry) error

	// Page gives at most limit messages of a room's range, the newest position first. It is empty for a room without messages.
	Page(ctx context.Context, room uuid.UUID, within Range, limit int) ([]Entry, error)

	// Locate gives the range of the messages before a time.
	//
	// Where messages have exactly this createdAt, the range ends before the one of them with the highest position, so that
	// paging by the createdAt of the last message seen skips nothing, whatever the clocks did. Otherwise it ends behind the
	// highest position among the [LocateWindow] newest, by createdAt, of the messages created before the time, and leaves out
	// what was created at that time or later.
	Locate(ctx context.Context, room uuid.UUID, at time.Time) (Range, error)

	// Ping reports whether messages can be written now.
	Ping(ctx context.Context) error
}
