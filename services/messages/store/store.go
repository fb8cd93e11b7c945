// Package store says what the messages service needs of a store of timelines. The backends are in the packages beneath it,
// and package storetest holds each of them to what is written here.
//
// # State
//
// A room's timeline is a set of entries. An entry is a message at its position in the room's log. It is made by one record of
// the log, and changed only by later records, its revisions: an edit or a deletion. A revision keeps the entry's position, so
// an edited or deleted message stays where it was. Each entry has one content, that of its newest revision.
//
// # Invariants
//
//   - Position alone orders a timeline. A message's createdAt was read from a clock, and clocks differ.
//   - What is stored depends on which entries were appended, never on their order or on how often. So the log can be replayed
//     from any offset at any time: a late original does not bring back what an edit or a deletion has replaced.
//   - One position has one message. The log gives each position once in an epoch, unless it has lost records at its end. Then what
//     was stored first stays, and [ErrPositionTaken] tells.
//   - A message that the log has at several positions, as when a send was tried again, stays at the first: who reads the log in its order
//     withdraws it from the others.
//   - The log is the truth. A store that was lost is filled again from the log, as far back as that reaches.
//
// # Lifecycle
//
// Run connects, brings the schema up to date, serves until its context is done, and closes. Only the messages service writes,
// from two sides: a send writes its own message, and the consumer group of the log writes every message.
//
// # Failures
//
// A store that is down, full or too slow gives [ErrUnavailable] within its own timeout, which is that of a query. What was being
// written may be stored or not; the consumer group appends it again until it is.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

var (
	// ErrUnavailable says that the store cannot be reached, refuses or is too slow. What was being written may be stored.
	ErrUnavailable = errors.New("the message store is unavailable")
	// ErrPositionTaken says that a position has another message than the one given. It does not go away by trying again.
	ErrPositionTaken = errors.New("the position is taken by another message")
	// ErrUnstorable says that the store can never keep a message as it is, for example because its text is none.
	ErrUnstorable = errors.New("the message cannot be stored")
	// ErrMessageNotFound says that a room has no message with the id.
	ErrMessageNotFound = errors.New("the room has no such message")
)

// Entry is a message at its position, with the content that one record of the log gave it. All its times have microseconds;
// anything finer is cut off.
type Entry struct {
	Position events.Position
	// Message is the whole message as it is with this content. Edits of a message differ in Body, and later
	// ones may mention fewer.
	Message wire.Message
	// Pace is that of the room when the message was sent, also with the content of a revision. A store may place the message by it; then it gives it
	// back, else perhaps as zero.
	Pace events.Pace
	// Revision is the position of the edit or deletion that made this content. It is zero for the message as it was sent:
	// the first position of a log cannot revise anything.
	Revision events.Position
	// EditedAt and DeletedAt are set by revisions: when the message was edited last, and when it was deleted. Zero is never.
	// The body of a deleted message is whatever the deletion says, without anything of what was deleted. It mentions nobody.
	EditedAt, DeletedAt time.Time
	// Expires is when the message goes; zero: never. All contents of a message should have the same. A store does not give it back.
	Expires time.Time
}

// Supersedes reports whether e replaces other, another content of the same message. The higher revision does, except that a
// deletion is final: it also replaces edits that the log has after it, as happens when somebody edits what is being deleted.
func (e Entry) Supersedes(other Entry) bool {
	if e.DeletedAt.IsZero() != other.DeletedAt.IsZero() {
		return other.DeletedAt.IsZero()
	}
	return e.Revision.Compare(other.Revision) > 0
}

// PositionTaken is the [ErrPositionTaken] of an entry whose position has the message taker.
func PositionTaken(entry Entry, taker uuid.UUID) error {
	return fmt.Errorf("%w: message %s of room %s is refused at (%d, %d), which has message %s",
		ErrPositionTaken, entry.Message.ID, entry.Message.RoomID, entry.Position.Epoch, entry.Position.Offset, taker)
}

// Range is the part of a timeline that a page is cut from.
type Range struct {
	// From is the position of the oldest message that the range may have; zero for a range from the beginning.
	From events.Position
	// Before is the position behind the newest message of the range; [events.EndOfLog] for the whole timeline.
	Before events.Position
	// CreatedBefore, if not zero, leaves out what was created at that time or later.
	CreatedBefore time.Time
	// Oldest has a page cut from the range's beginning, not from its end.
	Oldest bool
}

// Key names a message of a room.
type Key struct{ Room, Message uuid.UUID }

// KeyOf names the message of an entry.
func KeyOf(entry Entry) Key { return Key{Room: entry.Message.RoomID, Message: entry.Message.ID} }

// Claim is the right to revise a message that has the content of the record at Base, see [Entry.MadeBy].
type Claim struct {
	Key
	Base   events.Position
	Holder uuid.UUID
}

// LocateWindow is how many messages [Store.Locate] looks at to find a point in time among clocks that differ.
const LocateWindow = 32

// Store keeps timelines. Its methods are safe for concurrent use. Unless said otherwise their errors are [ErrUnavailable],
// wrapped, or the context's.
type Store interface {
	// Run connects, makes the schema or brings it up to date, and stays until ctx is done; then it closes. A store that is
	// not there is tried again with a growing delay. Until the store is connected every other method gives [ErrUnavailable]
	// at once.
	Run(ctx context.Context) error

	// Append writes entries, durably once it returns. Entries may come in any order and any number of times, a revision also
	// before the message that it revises: what is kept of a message is the content that no other [Entry.Supersedes].
	//
	// A position that has another message keeps it. Then the error is [ErrPositionTaken], wrapped, and the entries that are
	// not named by it are written. Calls at the same time are not checked against each other. A backend may take a position for
	// free, without looking, that is behind everything that it knows to be stored of the room. After any other error any of the
	// entries may have been written. It is [ErrUnstorable] if one of them can never be.
	//
	// An entry that has expired is not written, and no error. One that has been written is there until it expires; then no method gives it, and in time
	// the store removes it. So a log that is read again brings back nothing that has expired.
	//
	// Each query to an engine has a deadline, not the whole: many entries take as long as their queries take, one after the other.
	Append(ctx context.Context, entries []Entry) error

	// Page gives at most limit messages of a room's range, its newest or its oldest, the newest position first, each with its newest
	// content. It is empty for a room without messages. Deleted messages are in it.
	Page(ctx context.Context, room uuid.UUID, within Range, limit int) ([]Entry, error)

	// Locate gives the range of the messages before a time.
	//
	// Where messages have exactly this createdAt, the range ends before the one of them with the highest position, so that
	// paging by the createdAt of the last message seen skips nothing, whatever the clocks did. Otherwise it ends behind the
	// highest position among the [LocateWindow] newest, by createdAt, of the messages created before the time, and leaves out
	// what was created at that time or later.
	Locate(ctx context.Context, room uuid.UUID, at time.Time) (Range, error)

	// Since gives the position from which on a room has what was created at a time or later: the lowest among the [LocateWindow] oldest, by createdAt, of
	// these messages. It reports false where there are none.
	Since(ctx context.Context, room uuid.UUID, at time.Time) (from events.Position, any bool, err error)

	// Find gives the message of a room that has the id, with its newest content, or [ErrMessageNotFound]. If the log has the
	// id at several positions, the first is given. A message that another one has overwritten, because Append could not know
	// of it, gives [ErrPositionTaken].
	Find(ctx context.Context, room, message uuid.UUID) (Entry, error)

	// Revised gives the messages whose newest content was made by an edit or a deletion at a position of the range, the first revised first. Of
	// the range From and Before count. At most limit revisions are looked at: end is the position before which all have been.
	Revised(ctx context.Context, room uuid.UUID, within Range, limit int) (entries []Entry, end events.Position, err error)

	// FirstPositions gives the first position of each of the messages that is stored; those that are not are missing. It looks only where a message
	// is whose id, a UUID of version 7, has the time of its createdAt within an hour, or the day of its createdAt, as the ids have that are made of
	// what clients name messages with: the time of these is the beginning of that day, UTC. Of a message without a ClientID whose write has failed
	// it may give a position at which the message is not.
	FirstPositions(ctx context.Context, messages []Key) (map[Key]events.Position, error)

	// Withdraw takes messages from the positions of entries, because the log has them at earlier ones. It is final: a message that is
	// appended at such a position again, or late, does not come back.
	Withdraw(ctx context.Context, entries []Entry) error

	// Claim gives one holder the right to revise a message that has the content of a record, for the given time or until it is released. It reports
	// whether the holder has the right now. Of several that claim at the same time none may get it: then they are to try again.
	Claim(ctx context.Context, claim Claim, lasting time.Duration) (bool, error)

	// Release gives a claim up. One that has expired, or was never given, is no error.
	Release(ctx context.Context, claim Claim) error

	// SharedKey gives the key of a name, which all processes share: the proposed one, unless there is one. Two that propose at the same time
	// may each be given their own at first; asked again, all get the same.
	SharedKey(ctx context.Context, name string, proposed []byte) ([]byte, error)

	// Ping reports whether messages can be written now.
	Ping(ctx context.Context) error

	// Senders finds messages by whom they involve.
	Senders

	// Erasures are those of users who were deleted.
	Erasures

	// Retentions are those of rooms that do not go by the installation.
	Retentions

	// Epochs are those that the log has had.
	bus.Epochs
}
