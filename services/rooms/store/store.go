// Package store says what the rooms service needs of its store. The backends are in the packages beneath it, and package
// storetest holds each of them to what is written here.
//
// A change and the event that tells of it are written in one transaction: the event as a row of the outbox. Whoever changes
// a room locks the room's row before it writes to the outbox, so that a room's rows there stand in the order in which its
// transactions commit.
package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

var (
	// ErrUnavailable says that the store cannot be reached, refuses or is too slow. What was being written may have been.
	ErrUnavailable = errors.New("the room store is unavailable")
	// ErrRoomNotFound says that there is no such room, or none that the user is in.
	ErrRoomNotFound = errors.New("room not found")
	// ErrRoomExists is what a [RoomExistsError] is.
	ErrRoomExists = errors.New("the room exists")
	// ErrUnknownUsers is what an [UnknownUsersError] is.
	ErrUnknownUsers = errors.New("unknown users")
	// ErrTooLarge says that a change cannot be told in one event, because it names too much.
	ErrTooLarge = errors.New("the event is too large for the log")
)

// RoomExistsError says that the two users have a Single room already.
type RoomExistsError struct{ RoomID uuid.UUID }

func (e RoomExistsError) Error() string { return "the two users have the room " + e.RoomID.String() }

// Is makes it an [ErrRoomExists].
func (e RoomExistsError) Is(target error) bool { return target == ErrRoomExists }

// UnknownUsersError says that users have never been seen.
type UnknownUsersError struct{ IDs []uuid.UUID }

func (e UnknownUsersError) Error() string {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = id.String()
	}
	return "unknown users: " + strings.Join(ids, ", ")
}

// Is makes it an [ErrUnknownUsers].
func (e UnknownUsersError) Is(target error) bool { return target == ErrUnknownUsers }

// User is a user as the last token seen described it.
type User struct {
	ID          uuid.UUID
	DisplayName string
	Picture     *string // URL
}

// NewRoom is a room to be created.
type NewRoom struct {
	ID      uuid.UUID
	Type    wire.RoomType
	Name    *string // of a Group; a Single room has none of its own
	Creator uuid.UUID
	Users   []uuid.UUID // distinct, the creator among them; exactly two for a Single room
	At      time.Time   // UTC, microseconds
}

// Posted is what a room has to know of a message.
type Posted struct {
	RoomID   uuid.UUID
	SenderID uuid.UUID
	At       time.Time // the message's createdAt
	Preview  wire.Preview
	Position events.Position
}

// Store keeps users, rooms, members, read marks, previews and the outbox. Its methods are safe for concurrent use. Beside
// the errors that they name, their errors are [ErrUnavailable], wrapped, and faults in the program.
type Store interface {
	// Run connects, brings the schema up to date, and stays until ctx is done; then it closes. A store that is not there is
	// tried again with a growing delay. Until the store is connected every other method gives [ErrUnavailable] at once.
	Run(ctx context.Context) error

	// Ping reports whether the store answers now.
	Ping(ctx context.Context) error

	// PutUser adds a user, or changes one that was different.
	PutUser(ctx context.Context, user User) error

	// CreateRoom creates a room with all its users joined, and puts [events.RoomCreated] into the outbox. It gives the room
	// as the creator sees it, and the row. Errors: [UnknownUsersError], [RoomExistsError], [ErrTooLarge].
	CreateRoom(ctx context.Context, room NewRoom) (wire.Room, int64, error)

	// Rooms lists the rooms that the user has joined, as the user sees them, the newest LatestMessage first.
	Rooms(ctx context.Context, user uuid.UUID) ([]wire.Room, error)

	// Room gives a room that the user has joined, as the user sees it. Errors: [ErrRoomNotFound].
	Room(ctx context.Context, room, user uuid.UUID) (wire.Room, error)

	// Membership gives who is in a room. Errors: [ErrRoomNotFound].
	Membership(ctx context.Context, room uuid.UUID) (events.Membership, error)

	// SingleRoom finds the Single room of two users, in either order. Errors: [ErrRoomNotFound].
	SingleRoom(ctx context.Context, a, b uuid.UUID) (uuid.UUID, error)

	// MarkRead moves the user's read mark to the given time, or to the room's latest message if that is later, never back,
	// and puts [events.RoomRead] into the outbox. It gives that row. Errors: [ErrRoomNotFound].
	MarkRead(ctx context.Context, room, user uuid.UUID, at time.Time) (int64, error)

	// ApplyMessages takes messages, of any rooms, into the rooms' LatestMessage and preview, and moves their senders' read
	// marks. A message whose position is not behind the newest that the room has taken leaves the room as it is, so messages may
	// be applied again and in any order. Messages of unknown rooms are passed over.
	ApplyMessages(ctx context.Context, messages []Posted) error

	// Pending reports whether the row is still in the outbox.
	Pending(ctx context.Context, row int64) (bool, error)

	// Lead waits until no other relay leads, in any process, and gives the lead.
	Lead(ctx context.Context) (Lead, error)
}

// Lead is the outbox as its one relay sees it. It is for one goroutine. An error of any method may mean that the lead is
// lost, and is reason to release it.
type Lead interface {
	// Oldest gives the oldest rows, at most limit, in the order in which they were written. Rows of transactions that commit
	// late are among the oldest of a later call.
	Oldest(ctx context.Context, limit int) ([]Outgoing, error)
	// Count gives the number of rows, but counts no further than to atMost.
	Count(ctx context.Context, atMost int) (int, error)
	// Delete removes rows that are in the log.
	Delete(ctx context.Context, rows []int64) error
	// Wait waits until rows have been added, but no longer than atMost.
	Wait(ctx context.Context, atMost time.Duration) error
	// Release gives the lead up.
	Release()
}
