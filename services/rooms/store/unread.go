package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// ErrMessageNotFound says that the room has no such message, or has had it so long ago that it no longer knows where.
var ErrMessageNotFound = errors.New("message not found")

// KeptPositions is of how many messages, the newest, a room knows at least where they are.
const KeptPositions = 1000

// Taken is how far a room has taken its log.
type Taken struct {
	Position      events.Position // of the newest message; [events.StartOfLog] before the first
	Messages      int64           // how many there have been, of every type
	Counted       int64           // how many of them count as unread for who has not read them
	ChangeVersion int64           // the newest membership version among them
}

// MessagePosition is where a message is in its room's log.
type MessagePosition struct {
	RoomID, MessageID uuid.UUID
	Position          events.Position
	At                time.Time // its createdAt
	Number            int64     // [Taken.Messages] with it
	Counted           int64     // [Taken.Counted] with it
	SenderID          uuid.UUID // of one that counts; [uuid.Nil]: it does not
}

// Counts reports whether it counts as unread for who has not read it, and not sent it.
func (m MessagePosition) Counts() bool { return m.SenderID != uuid.Nil }

// ReadMark is up to where a user has read a room.
type ReadMark struct {
	RoomID, UserID uuid.UUID
	Position       events.Position
	Counted        int64     // [Taken.Counted] there
	At             time.Time // of what is there
	// Message, of somebody who joins, is the one that says so.
	Message uuid.UUID
}

// ReadState is what is known of a member's reading. What is unread is [Taken.Counted], without Counted and OwnAfter.
type ReadState struct {
	Position events.Position // up to which the member has read
	Pending  bool            // its joining has not been taken from the log yet: nothing is unread, and Position and Counted say nothing
	Counted  int64           // [Taken.Counted] at Position
	OwnAfter int64           // how many of those behind it that count are the member's own
	Opened   bool            // it has read something of the room, or marked it, since it joined
	At       time.Time       // the time up to which it has read, never back; zero: never
}

// Unread is how many messages are unread as of what the room has taken.
func (s ReadState) Unread(room Taken) int {
	if s.Pending {
		return 0
	}
	return int(max(0, room.Counted-s.Counted-s.OwnAfter))
}

// Untold is what stands with a mark until somebody tells of it.
type Untold struct {
	Since   time.Time
	Receipt bool   // others may be told, not only the member's own streams
	Trace   string // traceparent of the request, empty: none
}

// UntoldMark is a mark that nobody has been told of yet, with all that is to be told.
type UntoldMark struct {
	RoomID, UserID uuid.UUID
	State          ReadState
	Receipt        bool // the mark went forward, and the user lets others know
	Trace          string
	Message        uuid.UUID
	Room           Taken
	Audience       events.Audience
}

// RoomQuery says which of a user's rooms are asked for.
type RoomQuery struct {
	Limit  int
	Before *RoomPoint    // those behind it in the list; nil: from its beginning
	Type   wire.RoomType // "": all
	Unread bool          // only those of which something is unread
}

// RoomPoint is where a room stands in a list.
type RoomPoint struct {
	LatestMessage time.Time
	ID            uuid.UUID
}

// Totals is what is unread of all rooms of a user.
type Totals struct {
	Rooms    int // that are unread
	Messages int
}

// Reading is the part of the store that tells what is unread.
type Reading interface {
	// Unread sums up what is unread of the rooms that the user has joined.
	Unread(ctx context.Context, user uuid.UUID) (Totals, error)

	// ReadReceipts reports whether others may know what the user has read. Of an unknown user they may.
	ReadReceipts(ctx context.Context, user uuid.UUID) (bool, error)

	// SetReadReceipts says whether others may know what a user has read.
	SetReadReceipts(ctx context.Context, user uuid.UUID, on bool) error

	// Progress gives up to where each partition of the log of rooms has been taken: the position of the next record.
	Progress(ctx context.Context) (map[int32]events.Position, error)

	// SetProgress says up to where a partition has been taken, never back.
	SetProgress(ctx context.Context, partition int32, next events.Position) error
}

// MessageKey names a message of a room.
type MessageKey struct{ Room, Message uuid.UUID }

// ReadingTx is the part of a transaction that changes what is unread. Who marks a room as read locks its own row of the room, and not the room: so
// messages are taken meanwhile. A transaction that locks rooms locks them before any member's row.
type ReadingTx interface {
	// LockTaken locks rooms as LockRooms does, and gives how far each has taken its log. Unknown ones are left out.
	LockTaken(ctx context.Context, rooms []uuid.UUID) (map[uuid.UUID]Taken, error)

	// KnownMessages gives which of some messages of locked rooms have been added and not been removed.
	KnownMessages(ctx context.Context, messages []MessageKey) (map[MessageKey]bool, error)

	// AddPositions adds messages of locked rooms.
	AddPositions(ctx context.Context, messages []MessagePosition) error

	// ForgetPositions removes a room's messages up to the number.
	ForgetPositions(ctx context.Context, room uuid.UUID, upTo int64) error

	// JoinAt sets where those begin to read who have joined with the marks' messages, unless they have read further. The rooms are locked.
	JoinAt(ctx context.Context, marks []ReadMark) error

	// AdvanceReadMarks moves up to where senders have read to their own messages, never back. Those who are not in the room are passed over. The
	// rooms are locked.
	AdvanceReadMarks(ctx context.Context, marks []ReadMark) error

	// LockReader gives what is known of a member's reading, and keeps it to this transaction. The room goes on. Errors: [ErrRoomNotFound].
	LockReader(ctx context.Context, room, user uuid.UUID) (ReadState, error)

	// TakenBy gives how far a room has taken its log, and the time of its latest message. It locks nothing. Errors: [ErrRoomNotFound].
	TakenBy(ctx context.Context, room uuid.UUID) (Taken, time.Time, error)

	// MessageByID finds a message. Errors: [ErrMessageNotFound].
	MessageByID(ctx context.Context, room, message uuid.UUID) (MessagePosition, error)

	// MessageUpTo finds the newest message that is not behind the position. Errors: [ErrMessageNotFound].
	MessageUpTo(ctx context.Context, room uuid.UUID, position events.Position) (MessagePosition, error)

	// OldestMessage finds the oldest message that is known. Errors: [ErrMessageNotFound].
	OldestMessage(ctx context.Context, room uuid.UUID) (MessagePosition, error)

	// NewestOfOthers finds the newest message that counts and is not the user's. Errors: [ErrMessageNotFound].
	NewestOfOthers(ctx context.Context, room, user uuid.UUID) (MessagePosition, error)

	// CountOwn counts the messages behind the position that count and are the user's own.
	CountOwn(ctx context.Context, room, user uuid.UUID, behind events.Position) (int64, error)

	// SetReadState writes what is known of a locked member's reading, by a mark of which nobody has been told.
	SetReadState(ctx context.Context, room, user uuid.UUID, state ReadState, mark Untold) error

	// TakeUntold gives marks that nobody has been told of since the given time or longer, the oldest first, at most so many, and counts them as
	// told. Their members are locked; what others have locked is left out.
	TakeUntold(ctx context.Context, since time.Time, most int) ([]UntoldMark, error)
}
