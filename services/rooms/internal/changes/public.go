package changes

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Text is a text that is to be changed, or is to stay as it is.
type Text struct {
	Given bool
	Value *string // nil: there is none any more
}

func (t Text) or(before *string) *string {
	if t.Given {
		return t.Value
	}
	return before
}

// Renaming asks that a Group has another name or picture.
type Renaming struct {
	RoomID         uuid.UUID
	By             Author
	Name, ImageURL Text
	At             time.Time // UTC, microseconds
}

// Rename changes a Group's name and picture, and puts [events.RoomChanged] into the outbox. It gives the room, and the row; 0 where all is as it was.
// Errors: [store.ErrRoomNotFound], [store.ErrSingleRoom].
func (c *Changes) Rename(ctx context.Context, asked Renaming) (room wire.PublicRoom, row int64, err error) {
	err = c.store.Transact(ctx, "rename_room", func(ctx context.Context, tx store.Tx) error {
		row = 0
		state, err := asked.By.lock(ctx, tx, asked.RoomID)
		if err != nil {
			return err
		}
		if state.Type == wire.Single {
			return store.ErrSingleRoom
		}
		room = wire.PublicRoom{
			ID: asked.RoomID, Type: state.Type, Name: asked.Name.or(state.Name), ImageURL: asked.ImageURL.or(state.ImageURL), CreatedAt: wire.At(state.CreatedAt),
		}
		if same(room.Name, state.Name) && same(room.ImageURL, state.ImageURL) {
			return nil
		}
		if err := tx.SetPublic(ctx, room.ID, room.Name, room.ImageURL); err != nil {
			return err
		}
		audience, err := audienceOf(ctx, tx, room.ID, state)
		if err != nil {
			return err
		}
		row, err = c.append(ctx, tx, asked.At, events.RoomChanged{RoomID: room.ID, Room: room, ChangedBy: asked.By.member(), Audience: audience})
		return err
	})
	if err != nil {
		return wire.PublicRoom{}, 0, err
	}
	return room, row, nil
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// audienceOf is who is in a locked room.
func audienceOf(ctx context.Context, tx store.Tx, room uuid.UUID, state store.RoomState) (events.Audience, error) {
	if state.Large {
		return events.WholeRoom(state.MembershipVersion), nil
	}
	joined, err := tx.Joined(ctx, room)
	return events.Audience{Users: joined, Version: state.MembershipVersion}, err
}
