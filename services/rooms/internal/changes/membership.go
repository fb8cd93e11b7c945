package changes

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Invitation asks that a user joins a Group, which happens at once.
type Invitation struct {
	RoomID, By, User uuid.UUID
	At               time.Time // UTC, microseconds
	MaxMembers       int
}

// Invite makes a user a member of a Group that the inviting user is in, and puts [events.MembershipChanged] into the outbox. It gives that row.
// Errors: [store.ErrRoomNotFound], [store.ErrSingleRoom], [store.UnknownUsersError], [store.ErrAlreadyMember], [store.ErrRoomFull].
func (c *Changes) Invite(ctx context.Context, asked Invitation) (row int64, err error) {
	err = c.store.Transact(ctx, "invite", func(ctx context.Context, tx store.Tx) error {
		state, members, err := lockMembers(ctx, tx, asked.RoomID, asked.By)
		if err != nil {
			return err
		}
		if state.Type == wire.Single {
			return store.ErrSingleRoom
		}
		known, err := tx.Users(ctx, []uuid.UUID{asked.User})
		if err != nil {
			return err
		}
		switch {
		case len(known) == 0:
			return store.UnknownUsersError{IDs: []uuid.UUID{asked.User}}
		case slices.Contains(members, asked.User):
			return store.ErrAlreadyMember
		case len(members) >= asked.MaxMembers:
			return store.ErrRoomFull
		}
		member := wire.Member{ID: asked.User, DisplayName: known[0].DisplayName, ProfilePicture: known[0].Picture, JoinedAt: wire.At(asked.At), Status: wire.Joined}
		event, err := changeOf(asked.RoomID, wire.Join, member, asked.At)
		if err != nil {
			return err
		}
		err = tx.Join(ctx, store.MembershipChange{RoomID: asked.RoomID, Users: []uuid.UUID{asked.User}, At: asked.At, Message: event.Message.ID})
		if err != nil {
			return err
		}
		event.Room = &wire.Room{
			ID: asked.RoomID, Type: state.Type, Name: state.Name, ImageURL: state.ImageURL, CreatedAt: wire.At(state.CreatedAt),
			LatestMessage: event.Message.CreatedAt, Unread: true, LatestMessageText: &event.Preview,
		}
		event.Audience = events.Audience{Users: append(members, asked.User), Version: state.MembershipVersion + 1}
		row, err = c.change(ctx, tx, asked.At, event)
		return err
	})
	if err != nil {
		return 0, err
	}
	return row, nil
}

// Leave makes a member a former one, and puts [events.MembershipChanged] into the outbox. It gives that row. A Single room ends with that for both,
// a Group with its last member. Errors: [store.ErrRoomNotFound].
func (c *Changes) Leave(ctx context.Context, room, user uuid.UUID, at time.Time) (row int64, err error) {
	err = c.store.Transact(ctx, "leave", func(ctx context.Context, tx store.Tx) error {
		row, err = c.leave(ctx, tx, room, user, at)
		return err
	})
	if err != nil {
		return 0, err
	}
	return row, nil
}

func (c *Changes) leave(ctx context.Context, tx store.Tx, room, user uuid.UUID, at time.Time) (row int64, err error) {
	state, members, err := lockMembers(ctx, tx, room, user)
	if err != nil {
		return 0, err
	}
	member, err := tx.Member(ctx, room, user)
	if err != nil {
		return 0, err
	}
	member.Status = wire.Left
	event, err := changeOf(room, wire.Leave, member, at)
	if err != nil {
		return 0, err
	}
	others := slices.DeleteFunc(members, func(id uuid.UUID) bool { return id == user })
	leaving := []uuid.UUID{user}
	if event.Ended = state.Type == wire.Single || len(others) == 0; event.Ended {
		event.Removed = others
		leaving, others = append(leaving, others...), nil
	}
	err = tx.Leave(ctx, store.MembershipChange{RoomID: room, Users: leaving, At: at, Message: event.Message.ID})
	if err != nil {
		return 0, err
	}
	if event.Ended {
		if err := tx.EndRoom(ctx, room, at); err != nil {
			return 0, err
		}
	}
	event.Audience = events.Audience{Users: others, Version: state.MembershipVersion + 1}
	return c.change(ctx, tx, at, event)
}

// lockMembers locks a room that the user is in, and gives all who are.
func lockMembers(ctx context.Context, tx store.Tx, room, user uuid.UUID) (store.RoomState, []uuid.UUID, error) {
	state, err := tx.LockRoom(ctx, room)
	if err != nil {
		return store.RoomState{}, nil, err
	}
	members, err := tx.Joined(ctx, room)
	if err != nil {
		return store.RoomState{}, nil, err
	}
	if !slices.Contains(members, user) {
		return store.RoomState{}, nil, store.ErrRoomNotFound
	}
	return state, members, nil
}

// changeOf makes the event of a change, without its audience, and its message.
func changeOf(room uuid.UUID, change wire.Change, member wire.Member, at time.Time) (events.MembershipChanged, error) {
	body := wire.RoomChangeBody{Type: "UserJoined", RelatedUser: member}
	if change == wire.Leave {
		body.Type = "UserLeft"
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return events.MembershipChanged{}, fmt.Errorf("encode the message of a change of members: %w", err)
	}
	return events.MembershipChanged{
		RoomID: room,
		Change: change,
		Member: member,
		Message: wire.Message{
			RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: member.ID, Body: raw, Type: wire.RoomChange, CreatedAt: wire.At(at),
		},
		Preview: wire.RoomChangePreview(member.DisplayName, change),
	}, nil
}

// change writes the membership's new version, and puts the event into the outbox.
func (c *Changes) change(ctx context.Context, tx store.Tx, at time.Time, event events.MembershipChanged) (int64, error) {
	if err := tx.SetMembershipVersion(ctx, event.RoomID, event.Version); err != nil {
		return 0, err
	}
	return c.append(ctx, tx, at, event)
}
