package changes

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// NewRoom is a room to be created.
type NewRoom struct {
	ID      uuid.UUID
	Type    wire.RoomType
	Name    *string // of a Group; a Single room has none of its own
	Creator uuid.UUID
	Users   []uuid.UUID // distinct, the creator among them; exactly two for a Single room
	At      time.Time   // UTC, microseconds
}

// CreateRoom creates a room with all its users joined, and puts [events.RoomCreated] into the outbox. It gives the room as the creator sees
// it, and the row of the outbox. Errors: [store.UnknownUsersError], [store.RoomExistsError], [store.ErrTooLarge].
func (c *Changes) CreateRoom(ctx context.Context, room NewRoom) (created wire.Room, row int64, err error) {
	err = c.store.Transact(ctx, "create_room", func(ctx context.Context, tx store.Tx) error {
		users, err := tx.Users(ctx, room.Users)
		if err != nil {
			return err
		}
		event, err := room.created(users)
		if err != nil {
			return err
		}
		if err := tx.InsertRoom(ctx, room.row()); err != nil {
			return err
		}
		if err := tx.InsertMembers(ctx, room.ID, room.Users, room.At); err != nil {
			return err
		}
		created = event.RoomFor(room.Creator)
		row, err = c.append(ctx, tx, room.At, event)
		return err
	})
	if err != nil {
		return wire.Room{}, 0, err
	}
	return created, row, nil
}

func (r NewRoom) row() store.Room {
	row := store.Room{ID: r.ID, Type: r.Type, Name: r.Name, CreatedBy: r.Creator, CreatedAt: r.At, Preview: wire.NewRoomPreview()}
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
	members := make([]wire.Member, len(known))
	for i, user := range known {
		members[i] = wire.Member{
			ID: user.ID, DisplayName: user.DisplayName, ProfilePicture: user.Picture, JoinedAt: wire.At(r.At), Status: wire.Joined,
		}
	}
	preview := wire.NewRoomPreview()
	return events.RoomCreated{
		RoomID:    r.ID,
		CreatedBy: r.Creator,
		Room: wire.Room{
			ID: r.ID, Type: r.Type, Name: r.Name, CreatedAt: wire.At(r.At), LatestMessage: wire.At(r.At), Unread: true, LatestMessageText: &preview,
		},
		Members:  members,
		Audience: events.Audience{Users: r.Users, Version: 1},
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
