package changes

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// NewRoom is a room to be created.
type NewRoom struct {
	ID      uuid.UUID
	Type    wire.RoomType
	Name    *string // of a Group; a Single room has none of its own
	Creator uuid.UUID
	Users   []uuid.UUID // distinct, the creator among them; exactly two for a Single room
	At      time.Time   // UTC, microseconds
	// SinceJoining says that who joins later sees of the timeline what came since.
	SinceJoining bool
	Invites      Invites // of a user
	Budgets      Budgets // of a user
	// Backend, if set, creates it for its users, as if the creator had asked them all: blocks count between the two of a Single room alone.
	Backend *Author
	tenant  string // the creator's
}

// CreateRoom creates a room with all its users joined, and puts [events.RoomCreated] into the outbox. It gives the room as the creator sees
// it, and the row of the outbox. Users of another tenant than the creator's are unknown. A Group is created without those between whom and the
// creator there is a block. Errors: [store.UnknownUsersError], [people.ErrBlocked], [store.ErrInvitation], [store.OverBudgetError],
// [store.RoomExistsError], [store.ErrTooLarge].
func (c *Changes) CreateRoom(ctx context.Context, asked NewRoom) (created wire.Room, row int64, err error) {
	err = c.store.Transact(ctx, "create_room", func(ctx context.Context, tx store.Tx) error {
		room, users, err := asked.admitted(ctx, tx)
		if err != nil {
			return err
		}
		event, err := room.created(users)
		if err != nil {
			return err
		}
		if err := room.spend(ctx, tx); err != nil {
			return err
		}
		if room.Backend == nil {
			if err := asked.Invites.allow(ctx, tx, room.Creator, room.others()); err != nil {
				return err
			}
		}
		if err := tx.InsertRoom(ctx, room.row()); err != nil {
			return err
		}
		if err := tx.InsertMembers(ctx, room.ID, room.Users, room.At); err != nil {
			return err
		}
		created = event.RoomFor(room.Creator)
		row, err = c.append(ctx, tx, room.At, event)
		if errors.Is(err, store.ErrTooLarge) {
			row, err = c.append(ctx, tx, room.At, event.WithoutNames())
		}
		if err != nil || !event.WholeRoom {
			return err
		}
		row, err = c.others(ctx, tx, room, event.Room)
		return err
	})
	if err != nil {
		return wire.Room{}, 0, err
	}
	return created, row, nil
}

// admitted is the room with those of its users whom the creator may draw into it, and what is known of them. A user who is unknown stays.
func (r NewRoom) admitted(ctx context.Context, tx store.Tx) (NewRoom, []store.User, error) {
	users, err := tx.Users(ctx, r.Users)
	if err != nil {
		return NewRoom{}, nil, err
	}
	r.tenant = r.tenantOf(users)
	users = slices.DeleteFunc(users, func(user store.User) bool { return user.Tenant != r.tenant })
	blocked, err := tx.Blocked(ctx, r.Creator, r.Users)
	if err != nil {
		return NewRoom{}, nil, err
	}
	if len(blocked) == 0 || r.Backend != nil && r.Type == wire.Group {
		return r, users, nil
	}
	isBlocked := func(user uuid.UUID) bool { return slices.Contains(blocked, user) }
	r.Users = slices.DeleteFunc(slices.Clone(r.Users), isBlocked)
	if r.Type == wire.Single || len(r.Users) < fewestUsers {
		return NewRoom{}, nil, people.ErrBlocked
	}
	return r, slices.DeleteFunc(users, func(user store.User) bool { return isBlocked(user.ID) }), nil
}

// others are the users beside the creator.
func (r NewRoom) others() []uuid.UUID {
	return slices.DeleteFunc(slices.Clone(r.Users), func(user uuid.UUID) bool { return user == r.Creator })
}

const fewestUsers = 2

// tenantOf is the backend's tenant, or the creator's, if the creator is among the users.
func (r NewRoom) tenantOf(users []store.User) string {
	if r.Backend != nil && r.Backend.tenant != "" {
		return r.Backend.tenant
	}
	if i := slices.IndexFunc(users, func(user store.User) bool { return user.ID == r.Creator }); i >= 0 {
		return users[i].Tenant
	}
	return ""
}

// MaxRoomName is the longest name of a room, characters.
const MaxRoomName = 100

// MostUsers is how many users a room can have at most.
const MostUsers = 10_000

// others puts events into the outbox that name the members whom the event of a large room's creation does not, and the parts of its membership. It
// gives the row of the last of the former.
func (c *Changes) others(ctx context.Context, tx store.Tx, room NewRoom, seen wire.Room) (row int64, err error) {
	version := int64(1)
	for joined := range slices.Chunk(room.Users[events.MaxNamed:], events.MaxNamed) {
		version++
		row, err = c.append(ctx, tx, room.At, events.MembersJoined{RoomID: room.ID, Joined: joined, Room: seen, Audience: events.WholeRoom(version)})
		if err != nil {
			return 0, err
		}
	}
	if err := tx.SetMembershipVersion(ctx, room.ID, version); err != nil {
		return 0, err
	}
	_, err = c.appendParts(ctx, tx, room.At, room.ID, version, room.Users)
	return row, err
}

func (r NewRoom) row() store.Room {
	row := store.Room{
		ID: r.ID, Type: r.Type, Name: r.Name, CreatedBy: r.Creator, CreatedAt: r.At, Preview: wire.NewRoomPreview(), SinceJoining: r.SinceJoining, Large: len(r.Users) > events.MaxNamed,
		Tenant: r.tenant,
	}
	if r.Type == wire.Single {
		pair := store.PairOf(r.Users[0], r.Users[1])
		row.Pair = &pair
	}
	return row
}

// created is the event of the room's creation. Known are those of its users who have been seen. Errors: [store.UnknownUsersError].
func (r NewRoom) created(known []store.User) (events.RoomCreated, error) {
	if len(known) < len(r.Users) {
		return events.RoomCreated{}, store.UnknownUsersError{IDs: missing(r.Users, known)}
	}
	named := min(len(r.Users), events.MaxNamed)
	members := make([]wire.Member, named)
	for i, user := range known[:named] {
		members[i] = wire.Member{
			ID: user.ID, DisplayName: user.DisplayName, ProfilePicture: user.Picture, JoinedAt: wire.At(r.At), Status: wire.Joined,
		}
	}
	preview := wire.NewRoomPreview()
	return events.RoomCreated{
		RoomID:    r.ID,
		CreatedBy: r.Creator,
		Tenant:    r.tenant,
		Room: wire.Room{
			ID: r.ID, Type: r.Type, Name: r.Name, CreatedAt: wire.At(r.At), LatestMessage: wire.At(r.At), Unread: true, LatestMessageText: &preview,
		},
		Members:  members,
		Audience: events.Audience{Users: r.Users[:named], Version: 1, WholeRoom: named < len(r.Users)},
	}, nil
}

// missing gives the ids that are not known. Known is in the order of ids.
func missing(ids []uuid.UUID, known []store.User) []uuid.UUID {
	var unknown []uuid.UUID
	for _, id := range ids {
		if len(known) > 0 && known[0].ID == id {
			known = known[1:]
		} else {
			unknown = append(unknown, id)
		}
	}
	return unknown
}
