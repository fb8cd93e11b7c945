package events

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// MaxNamed is how many users an event names in its audience at most. In a room that has had more members, and is large from then on, an event says
// that its audience is the whole room, and a record does not grow with the room. See [Audience].
const MaxNamed = 100

// Membership is who has joined a room, as of a version that counts the changes; it is 1 when the room is created. rooms owns it, and answers with
// it when it is asked.
type Membership struct {
	RoomID uuid.UUID `json:"roomId"`
	// Audience has the members in the order of joining; of a large room it is the whole room, and names nobody.
	Audience
	// SinceJoining says that members see of the room's timeline only what came since they joined, see [Standing].
	SinceJoining bool `json:"sinceJoining,omitempty"`
	// Tenant is that of the room and of all its members.
	Tenant string `json:"tenant,omitempty"`
}

// MembershipAnswer is a membership as rooms answers with it. It also says it as versions before large rooms did, and reads what those say, so that rooms
// and messages can be of different versions for a while.
type MembershipAnswer struct {
	Membership
	FormerVersion int64          `json:"version"`
	FormerMembers []FormerAnswer `json:"members"`
}

// FormerAnswer is a member in a former version's answer.
type FormerAnswer struct {
	ID     uuid.UUID             `json:"id"`
	Status wire.MembershipStatus `json:"membershipStatus"`
}

// Answer gives the answer that says the membership.
func (m Membership) Answer() MembershipAnswer {
	answer := MembershipAnswer{Membership: m, FormerVersion: m.Version, FormerMembers: make([]FormerAnswer, len(m.Users))}
	for i, user := range m.Users {
		answer.FormerMembers[i] = FormerAnswer{ID: user, Status: wire.Joined}
	}
	return answer
}

// Read gives the membership that the answer says.
func (a MembershipAnswer) Read() Membership {
	if a.Version == 0 && a.FormerVersion > 0 {
		a.Version = a.FormerVersion
		for _, member := range a.FormerMembers {
			if member.Status == wire.Joined {
				a.Users = append(a.Users, member.ID)
			}
		}
	}
	return a.Membership
}

// UserAnswer is what rooms answers about a user.
type UserAnswer struct {
	ID     uuid.UUID `json:"id"`
	Tenant string    `json:"tenant"`
	// DisplayName is the name that others see; "" in an answer of the version before.
	DisplayName string `json:"displayName,omitempty"`
}

// UnreadAnswer is what rooms answers about what a user has not read.
type UnreadAnswer struct {
	UserID   uuid.UUID `json:"userId"`
	Rooms    int       `json:"unreadRooms"`
	Messages int       `json:"unreadMessages"` // of all rooms
}

// UsersQuestion asks rooms of which tenants users are, of at most [MostUsersAsked].
type UsersQuestion struct {
	Users []uuid.UUID `json:"users"`
}

// MostUsersAsked is of how many users rooms tells the tenants at once.
const MostUsersAsked = 1000

// UsersAnswer has those of the users that there are, in any order.
type UsersAnswer struct {
	Users []UserAnswer `json:"users"`
}

// Standing is how a user stands to a room: what part of its timeline the user may read. rooms answers with it when it is asked.
type Standing struct {
	RoomID  uuid.UUID             `json:"roomId"`
	Version int64                 `json:"version"` // of the membership
	UserID  uuid.UUID             `json:"userId"`
	Status  wire.MembershipStatus `json:"status"`
	// From, if set, is the message with which the part begins that the user may read: that of its joining.
	From *uuid.UUID `json:"from,omitempty"`
	// To, if set, is the message with which it ends: that of its leaving.
	To *uuid.UUID `json:"to,omitempty"`
}

// Audience says who may see an event of a room, and as of which state of the room's membership.
//
// Readers that deliver must not use an older audience than the newest one that they have seen in the room's log.
//
// Where it is the whole room and names nobody, it is all who are members as of the version. Who they are follows from the room's log: an event that
// names users as well, [RoomCreated] or the [MembershipChanged] that makes a room large, says who they are; [MembersJoined] and later
// MembershipChanged each say how the version before became theirs. A reader that has not read the log from there on begins with the newest
// [MembershipSnapshot] of each part of the room.
type Audience struct {
	// Users are the ids of those who may see the event.
	Users []uuid.UUID `json:"audience"`
	// Version counts the changes of the room's membership; it is 1 when the room is created.
	Version int64 `json:"membershipVersion"`
	// WholeRoom says that the room is large: all its members may see the event.
	WholeRoom bool `json:"wholeRoom,omitempty"`
}

// WholeRoom is the audience of all members of a large room as of a version.
func WholeRoom(version int64) Audience {
	return Audience{Users: []uuid.UUID{}, Version: version, WholeRoom: true}
}

// SeenBy makes every event that embeds an audience tell it, see [RoomEvent].
func (a Audience) SeenBy() Audience { return a }

// Names reports whether the audience names the user.
func (a Audience) Names(user uuid.UUID) bool { return slices.Contains(a.Users, user) }

// ByReference reports whether the audience names nobody, and is the whole room as of its version.
func (a Audience) ByReference() bool { return a.WholeRoom && len(a.Users) == 0 }

func (a Audience) validate() error {
	switch {
	case len(a.Users) == 0 && !a.WholeRoom:
		return errors.New("audience is empty")
	case a.Version < 1:
		return errors.New("membershipVersion is below 1")
	}
	return nil
}

// MembersJoined says that users have become members of a large room with its creation: those whom [RoomCreated] does not name, at most [MaxNamed] in
// each. It is no message of the timeline.
type MembersJoined struct {
	RoomID uuid.UUID   `json:"roomId"`
	Joined []uuid.UUID `json:"joined"`
	// Room is the room as they see it.
	Room wire.Room `json:"room"`
	Audience
}

func (MembersJoined) EventName() string      { return "members.joined" }
func (MembersJoined) Topic() string          { return TopicRooms }
func (e MembersJoined) PartitionKey() string { return e.RoomID.String() }
func (e MembersJoined) InRoom() uuid.UUID    { return e.RoomID }

func (e MembersJoined) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case len(e.Joined) == 0:
		return errors.New("joined is missing")
	case e.Room.ID != e.RoomID:
		return errors.New("room.id is not roomId")
	case !e.WholeRoom:
		return errors.New("the room is not large")
	}
	return e.Audience.validate()
}

// SnapshotParts is into how many parts the members of a large room are divided.
const SnapshotParts = 64

// SnapshotPart is the part that a user is in, 0 to 63: the lowest six bits of its id.
func SnapshotPart(user uuid.UUID) int { return int(user[15] % SnapshotParts) }

// MembershipSnapshot has the members of one part of a large room, as of a version. Of each part the newest record is kept. It has all changes of its
// users up to its version; what came later is in the room's log.
type MembershipSnapshot struct {
	RoomID  uuid.UUID   `json:"roomId"`
	Part    int         `json:"part"`
	Version int64       `json:"version"`
	Users   []uuid.UUID `json:"users"`
}

func (MembershipSnapshot) EventName() string { return "membership.snapshot" }
func (MembershipSnapshot) Topic() string     { return TopicMemberships }
func (e MembershipSnapshot) PartitionKey() string {
	return fmt.Sprintf("%s/%d", e.RoomID, e.Part)
}

func (e MembershipSnapshot) validate() error {
	switch {
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case e.Part < 0 || e.Part >= SnapshotParts:
		return fmt.Errorf("part is not within 0 to %d", SnapshotParts-1)
	case e.Version < 1:
		return errors.New("version is below 1")
	}
	return nil
}

// SnapshotRemoved says that nobody is in a part of a large room any more, and never will be: the room has ended. Its record is a tombstone, with the
// snapshots' key and without a value, so compaction removes the part, and later the record itself. A reader that finds nothing of a room of which the
// log says that it is large has begun behind the room's end, or before its snapshots were written.
type SnapshotRemoved struct {
	RoomID uuid.UUID
	Part   int
}

func (SnapshotRemoved) EventName() string { return "snapshot.removed" }
func (SnapshotRemoved) Topic() string     { return TopicMemberships }
func (e SnapshotRemoved) PartitionKey() string {
	return MembershipSnapshot{RoomID: e.RoomID, Part: e.Part}.PartitionKey()
}

// fromKey implements [tombstone].
func (SnapshotRemoved) fromKey(key string) (Data, error) {
	room, part, found := strings.Cut(key, "/")
	id, err := uuid.Parse(room)
	if err != nil || !found {
		return nil, fmt.Errorf("subject %q is no room and part", key)
	}
	number, err := strconv.Atoi(part)
	if err != nil {
		return nil, fmt.Errorf("subject %q has no number of a part", key)
	}
	return SnapshotRemoved{RoomID: id, Part: number}, nil
}

func (e SnapshotRemoved) validate() error {
	return MembershipSnapshot{RoomID: e.RoomID, Part: e.Part, Version: 1}.validate()
}
