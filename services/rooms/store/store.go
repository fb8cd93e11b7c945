// Package store says what the rooms service needs of its store. The backends are in the packages beneath it, and package
// storetest holds each of them to what is written here.
//
// A store knows rows, not rules: what a change of a room is, and which event belongs to it, is in package changes, which writes each change
// in one transaction ([Tx]), the event as a row of the outbox. A transaction locks the rows of the rooms that it changes before it appends to
// the outbox, so that a room's rows there stand in the order in which its transactions commit.
package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

var (
	// ErrUnavailable says that the store cannot be reached, refuses or is too slow. What was being written may have been.
	ErrUnavailable = errors.New("the room store is unavailable")
	// ErrUnstorable says that the store can never keep what is written as it is, for example a text with a NUL character.
	ErrUnstorable = errors.New("what is written cannot be stored")
	// ErrRoomNotFound says that there is no such room, or none that the user is in.
	ErrRoomNotFound = errors.New("room not found")
	// ErrRoomExists is what a [RoomExistsError] is.
	ErrRoomExists = errors.New("the room exists")
	// ErrUnknownUsers is what an [UnknownUsersError] is.
	ErrUnknownUsers = errors.New("unknown users")
	// ErrRoomFull says that a room has as many members as it may have.
	ErrRoomFull = errors.New("the room is full")
	// ErrAlreadyMember says that a user is in the room already.
	ErrAlreadyMember = errors.New("the user is in the room")
	// ErrSingleRoom says that a Single room does not allow what a Group does.
	ErrSingleRoom = errors.New("it is a Single room")
	// ErrInvitation says that the installation does not let the user draw somebody into a room.
	ErrInvitation = errors.New("the user may not draw the other into a room")
	// ErrTooLarge says that the event of a change would be too large, because it names too many users.
	ErrTooLarge = outbox.ErrTooLarge
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

// User is a user as the newest token seen described it.
type User struct {
	ID          uuid.UUID
	DisplayName string
	Picture     *string // URL
	Tenant      string  // "": the one without a name
}

// Room is a room's row when it is created. Nobody is in it yet.
type Room struct {
	ID        uuid.UUID
	Type      wire.RoomType
	Name      *string // of a Group; a Single room has none of its own
	CreatedBy uuid.UUID
	CreatedAt time.Time // UTC, microseconds; also the time of the latest message as long as there is none
	Preview   wire.Preview
	Pair      *Pair // of a Single room
	// SinceJoining says that members see of the timeline what came since they joined.
	SinceJoining bool
	// Large says that it has more members than an event names, [events.MaxNamed].
	Large bool
	// Tenant is that of all who are, were or will be in the room.
	Tenant string
}

// Pair is the two users of a Single room, in the order of their ids' bytes.
type Pair struct{ Low, High uuid.UUID }

// PairOf orders two users.
func PairOf(a, b uuid.UUID) Pair {
	if bytes.Compare(a[:], b[:]) < 0 {
		return Pair{a, b}
	}
	return Pair{b, a}
}

// RoomState is what a transaction that has locked a room reads of it.
type RoomState struct {
	Type              wire.RoomType
	Name, ImageURL    *string // of a Group
	CreatedAt         time.Time
	MembershipVersion int64
	Large             bool // it has had more members than an event names
	LatestMessage     time.Time
	Tenant            string
}

// Membership is who is in a room, whatever their status, as of a version.
type Membership struct {
	Version int64
	Members []wire.Member // in the order of joining
}

// Joined reports whether a user has joined the room and not left it.
func (m Membership) Joined(user uuid.UUID) bool {
	return slices.ContainsFunc(m.Members, func(member wire.Member) bool { return member.ID == user && member.Status == wire.Joined })
}

// MembershipChange is a change of who is in a room.
type MembershipChange struct {
	RoomID  uuid.UUID
	Users   []uuid.UUID
	At      time.Time
	Message uuid.UUID // of the room's timeline, that tells of it
}

// LatestMessage is what a room shows of a message. It shows the name that the sender has when somebody looks, where the sender is a user.
type LatestMessage struct {
	RoomID   uuid.UUID
	At       time.Time // the message's createdAt
	Preview  wire.Preview
	Sender   uuid.UUID
	Position events.Position
	Expires  time.Time // from then on nothing of it is shown; zero: never
	// Version is the membership version of the newest change of members up to the message that has been taken with it; 0 where there is none.
	Version int64
	// Messages and Counted are what the room has taken with it, see [Taken].
	Messages, Counted int64
}

// Overview is a room as a backend sees it.
type Overview struct {
	wire.PublicRoom
	CreatedBy uuid.UUID  `json:"createdBy"`
	Tenant    string     `json:"tenant"`
	EndedAt   *wire.Time `json:"endedAt"`
	Version   int64      `json:"membershipVersion"`
}

// Asked says which rooms a backend asks for.
type Asked struct {
	Tenant string    // "": of any
	User   uuid.UUID // who is in them; nil: all rooms, those that have ended, too
}

// Store keeps users, rooms, members, read marks, previews and the outbox. Its methods are safe for concurrent use. Beside
// the errors that they name, their errors are [ErrUnavailable] and [ErrUnstorable], wrapped, and faults in the program.
type Store interface {
	// Run connects, does about the schema what it is configured to, and stays until ctx is done; then it closes. A store that is not there is
	// tried again with a growing delay. Until the store is connected every other method gives [ErrUnavailable] at once.
	Run(ctx context.Context) error

	// Ping reports whether the store takes writes now: it makes one.
	Ping(ctx context.Context) error

	// PutUser adds a user, or makes one what a token says that was issued at the given time; zero: it does not say when. Of two tokens the
	// one that was issued later counts, in whichever order they come, and of two of the same time the one that comes last. One without a
	// time changes only what no token with a time has said. Errors: [people.ErrOtherTenant], [people.ErrUserDeleted], with nothing
	// changed.
	PutUser(ctx context.Context, user User, issued time.Time) error

	// Rooms lists rooms that the user has joined, as the user sees them, the newest LatestMessage first, and of the same the highest id.
	Rooms(ctx context.Context, user uuid.UUID, query RoomQuery) ([]wire.Room, error)

	// Room gives a room that the user has joined, as the user sees it. Errors: [ErrRoomNotFound].
	Room(ctx context.Context, room, user uuid.UUID) (wire.Room, error)

	// Membership gives who is in a room. Errors: [ErrRoomNotFound].
	Membership(ctx context.Context, room uuid.UUID) (Membership, error)

	// Audience gives who has joined a room that has not ended; of a large one it names nobody. Errors: [ErrRoomNotFound].
	Audience(ctx context.Context, room uuid.UUID) (events.Membership, error)

	// Standing gives how a user stands to a room that it is in, or has been in. Errors: [ErrRoomNotFound].
	Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error)

	// SingleRoom finds the Single room of two users that has not ended, in either order. Errors: [ErrRoomNotFound].
	SingleRoom(ctx context.Context, a, b uuid.UUID) (uuid.UUID, error)

	// Overviews gives rooms in the order of their ids, behind the one with the id, at most so many.
	Overviews(ctx context.Context, asked Asked, behind uuid.UUID, limit int) ([]Overview, error)

	// Overview gives a room of the tenant, "" for any. Errors: [ErrRoomNotFound].
	Overview(ctx context.Context, tenant string, room uuid.UUID) (Overview, error)

	// Transact runs change in one transaction, and commits it if change gives nil. An error of change undoes the transaction, and is given
	// as it is. The operation is the change's name in metrics. Each step has a deadline, not the whole. A transaction that the database ends in favour of others is begun anew,
	// so change may run more than once, and does nothing but what the transaction undoes. Tx is not used after change has returned.
	Transact(ctx context.Context, operation string, change func(ctx context.Context, tx Tx) error) error

	// Exports gives what is kept of a user.
	Exports

	// Erasures are the deletions of users.
	Erasures

	// People are users, and how they stand to each other.
	people.Store

	// Reading is what is unread.
	Reading

	// Outbox is what the relay works on. Pending and Lead are as there, with the errors of a store.
	outbox.Outbox

	// Epochs are those that the log has had.
	bus.Epochs
}

// Tx is a transaction that changes rooms. It is for one goroutine. It sees what it has written itself, and others see that from the commit on.
//
// A room is locked before anything of it is decided, and before its members are written. Several rooms are locked in one call, in the order of
// their ids. So no two transactions wait for each other.
type Tx interface {
	// Users gives the users with the ids, in their order. Unknown and deleted ones are left out.
	Users(ctx context.Context, ids []uuid.UUID) ([]User, error)

	// InsertRoom adds a room, which is locked from then on as by LockRooms. If a transaction that has not ended yet adds a room of the
	// same pair, its end is waited for. Errors: [RoomExistsError].
	InsertRoom(ctx context.Context, room Room) error

	// LockRoom gives the state of a room that has not ended, and keeps the room to this transaction as LockRooms does. Errors: [ErrRoomNotFound].
	LockRoom(ctx context.Context, room uuid.UUID) (RoomState, error)

	// SetPublic sets the name and the picture of a locked Group.
	SetPublic(ctx context.Context, room uuid.UUID, name, imageURL *string) error

	// Friends gives those of the others who are the user's friends, in any order.
	Friends(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error)

	// SharingRooms gives those of the others who are in a room that the user is in, too, in any order.
	SharingRooms(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error)

	// SetLarge makes a locked room large.
	SetLarge(ctx context.Context, room uuid.UUID) error

	// CountJoined counts all who have joined the room and not left it.
	CountJoined(ctx context.Context, room uuid.UUID) (int, error)

	// JoinedIn gives the ids of those who have joined the room and not left it and are in the part, see [events.SnapshotPart].
	JoinedIn(ctx context.Context, room uuid.UUID, part int) ([]uuid.UUID, error)

	// Member gives a user who has joined the room and not left it. Errors: [ErrRoomNotFound].
	Member(ctx context.Context, room, user uuid.UUID) (wire.Member, error)

	// Join makes users members of a locked room, who are not, also those who have been, in their order behind those who joined earlier. Nothing is
	// unread for them until JoinAt.
	Join(ctx context.Context, change MembershipChange) error

	// Leave makes members of a locked room former ones.
	Leave(ctx context.Context, change MembershipChange) error

	// LeaveAll makes all members of a locked room former ones.
	LeaveAll(ctx context.Context, room uuid.UUID, at time.Time) error

	// SetMembershipVersion sets the version of a locked room.
	SetMembershipVersion(ctx context.Context, room uuid.UUID, version int64) error

	// SingleRoomOf finds the Single room of a pair that has not ended. It locks nothing. Errors: [ErrRoomNotFound].
	SingleRoomOf(ctx context.Context, pair Pair) (uuid.UUID, error)

	// EndRoom ends a locked room that nobody is in any more. A Single room leaves its pair to a new one.
	EndRoom(ctx context.Context, room uuid.UUID, at time.Time) error

	// InsertMembers adds users to a room who have not been in it, as joined, in their order behind those who joined earlier.
	InsertMembers(ctx context.Context, room uuid.UUID, users []uuid.UUID, at time.Time) error

	// LockRooms keeps the rooms to this transaction until it ends: no other locks them in either way. Unknown ones are passed over.
	LockRooms(ctx context.Context, rooms []uuid.UUID) error

	// Joined gives the ids of all who have joined the room and not left it, in the order of joining.
	Joined(ctx context.Context, room uuid.UUID) ([]uuid.UUID, error)

	// SetLatestMessages sets what rooms show and have taken, one message a room, where its position is after that of the message shown, and the
	// membership version that they have taken, never back. Unknown rooms are passed over. The rooms are locked.
	SetLatestMessages(ctx context.Context, messages []LatestMessage) error

	// BudgetsTx counts what users do.
	BudgetsTx

	// ErasuresTx deletes users.
	ErasuresTx

	// SnapshotsTx writes the snapshots of large rooms anew.
	SnapshotsTx

	// Tx of package people changes how users stand to each other.
	people.Tx

	// ReadingTx changes what is unread.
	ReadingTx

	// RevisionsTx changes previews.
	RevisionsTx

	// Append adds a row to the outbox, and gives its id. The room or the user that the row is of is locked, or what of a room the row tells of.
	Append(ctx context.Context, row outbox.Row) (int64, error)
}
