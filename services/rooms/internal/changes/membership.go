package changes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// Invitation asks that a user joins a Group, which happens at once.
type Invitation struct {
	RoomID     uuid.UUID
	By         Author
	User       uuid.UUID
	At         time.Time // UTC, microseconds
	MaxMembers int
	Invites    Invites // of a member
	Budgets    Budgets // of a member
}

// Invite makes a user a member of a Group that the inviting user is in, or that the backend may change, and puts [events.MembershipChanged] into the outbox. It gives that row.
// A user of another tenant is unknown. Errors: [store.ErrRoomNotFound], [store.ErrSingleRoom], [store.UnknownUsersError],
// [store.ErrAlreadyMember], [people.ErrBlocked], [store.ErrInvitation], [store.OverBudgetError],
// [store.ErrRoomFull].
func (c *Changes) Invite(ctx context.Context, asked Invitation) (row int64, err error) {
	err = c.store.Transact(ctx, "invite", func(ctx context.Context, tx store.Tx) error {
		blocked, err := asked.blocked(ctx, tx)
		if err != nil {
			return err
		}
		if !asked.By.backend {
			if err := Spend(ctx, tx, asked.By.user, store.Invitations, asked.At, 1, asked.Budgets.Invitations); err != nil {
				return err
			}
		}
		state, err := asked.By.lock(ctx, tx, asked.RoomID)
		if err != nil {
			return err
		}
		user, joined, err := asked.admit(ctx, tx, state)
		if err == nil && blocked {
			err = people.ErrBlocked
		}
		if err == nil && !asked.By.backend {
			err = asked.Invites.allow(ctx, tx, asked.By.user, []uuid.UUID{asked.User})
		}
		if err != nil {
			return err
		}
		member := wire.Member{ID: user.ID, DisplayName: user.DisplayName, ProfilePicture: user.Picture, JoinedAt: wire.At(asked.At), Status: wire.Joined}
		event, err := changeOf(asked.RoomID, wire.Join, member, asked.At)
		if err != nil {
			return err
		}
		err = tx.Join(ctx, store.MembershipChange{RoomID: asked.RoomID, Users: []uuid.UUID{user.ID}, At: asked.At, Message: event.Message.ID})
		if err != nil {
			return err
		}
		event.Room = &wire.Room{
			ID: asked.RoomID, Type: state.Type, Name: state.Name, ImageURL: state.ImageURL, CreatedAt: wire.At(state.CreatedAt),
			LatestMessage: event.Message.CreatedAt, Unread: true, LatestMessageText: &event.Preview,
		}
		row, err = c.change(ctx, tx, asked.At, state, event, joined+1)
		return err
	})
	if err != nil {
		return 0, err
	}
	return row, nil
}

// blocked reports whether there is a block between the two. Nobody has blocked the backend.
func (i Invitation) blocked(ctx context.Context, tx store.Tx) (bool, error) {
	if i.By.backend {
		return false, nil
	}
	blocked, err := tx.Blocked(ctx, i.By.user, []uuid.UUID{i.User})
	return len(blocked) > 0, err
}

// admit gives the user who is to join, and how many have joined before.
func (i Invitation) admit(ctx context.Context, tx store.Tx, state store.RoomState) (user store.User, joined int, err error) {
	if state.Type == wire.Single {
		return store.User{}, 0, store.ErrSingleRoom
	}
	user, err = i.known(ctx, tx, state.Tenant)
	if err != nil {
		return store.User{}, 0, err
	}
	switch _, err := tx.Member(ctx, i.RoomID, i.User); {
	case err == nil:
		return store.User{}, 0, store.ErrAlreadyMember
	case !errors.Is(err, store.ErrRoomNotFound):
		return store.User{}, 0, err
	}
	joined, err = tx.CountJoined(ctx, i.RoomID)
	if err == nil && joined >= i.MaxMembers {
		err = store.ErrRoomFull
	}
	return user, joined, err
}

// known gives the user who is to join, of the room's tenant.
func (i Invitation) known(ctx context.Context, tx store.Tx, tenant string) (store.User, error) {
	found, err := tx.Users(ctx, []uuid.UUID{i.User})
	switch {
	case err != nil:
		return store.User{}, err
	case len(found) == 0 || found[0].Tenant != tenant:
		return store.User{}, store.UnknownUsersError{IDs: []uuid.UUID{i.User}}
	}
	return found[0], nil
}

// Remove is [Changes.Leave] by the backend of a tenant, "" for any.
func (c *Changes) Remove(ctx context.Context, room, user uuid.UUID, tenant string, at time.Time) (row int64, err error) {
	err = c.store.Transact(ctx, "remove_member", func(ctx context.Context, tx store.Tx) error {
		if _, err := Backend(tenant).lock(ctx, tx, room); err != nil {
			return err
		}
		row, err = c.leave(ctx, tx, room, user, at)
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
	state, member, err := lockAs(ctx, tx, room, user)
	if err != nil {
		return 0, err
	}
	joined, err := tx.CountJoined(ctx, room)
	if err != nil {
		return 0, err
	}
	member.Status = wire.Left
	event, err := changeOf(room, wire.Leave, member, at)
	if err != nil {
		return 0, err
	}
	leaving, left := []uuid.UUID{user}, joined-1
	if state.Type == wire.Single {
		if leaving, err = tx.Joined(ctx, room); err != nil {
			return 0, err
		}
		event.Removed, left = slices.DeleteFunc(slices.Clone(leaving), func(id uuid.UUID) bool { return id == user }), 0
	}
	err = tx.Leave(ctx, store.MembershipChange{RoomID: room, Users: leaving, At: at, Message: event.Message.ID})
	if err != nil {
		return 0, err
	}
	if event.Ended = left == 0; event.Ended {
		if err := tx.EndRoom(ctx, room, at); err != nil {
			return 0, err
		}
	}
	return c.change(ctx, tx, at, state, event, left)
}

// LeaveSingleRoom takes a user out of the Single room that it has with another, in a transaction that has locked both users, as when one blocks the
// other. It gives the row of the outbox, 0 where the two have no such room.
func (c *Changes) LeaveSingleRoom(ctx context.Context, tx store.Tx, user, other uuid.UUID, at time.Time) (row int64, err error) {
	room, err := tx.SingleRoomOf(ctx, store.PairOf(user, other))
	if err == nil {
		row, err = c.leave(ctx, tx, room, user, at)
	}
	if errors.Is(err, store.ErrRoomNotFound) { // also one that has ended since it was found
		return 0, nil
	}
	return row, err
}

// lockAs locks a room that the user is in.
func lockAs(ctx context.Context, tx store.Tx, room, user uuid.UUID) (store.RoomState, wire.Member, error) {
	state, err := tx.LockRoom(ctx, room)
	if err != nil {
		return store.RoomState{}, wire.Member{}, err
	}
	member, err := tx.Member(ctx, room, user)
	return state, member, err
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

// change writes the membership's new version, and puts the event into the outbox, with the audience of so many who are in the room now. Of a large
// room the part that has changed goes with it.
func (c *Changes) change(ctx context.Context, tx store.Tx, at time.Time, before store.RoomState, event events.MembershipChanged, joined int) (row int64, err error) {
	version := before.MembershipVersion + 1
	event.Tenant = before.Tenant
	if err := tx.SetMembershipVersion(ctx, event.RoomID, version); err != nil {
		return 0, err
	}
	if event.Audience = events.WholeRoom(version); !before.Large {
		if event.Users, err = tx.Joined(ctx, event.RoomID); err != nil {
			return 0, err
		}
		event.WholeRoom = joined > events.MaxNamed
	}
	row, err = c.append(ctx, tx, at, event)
	switch {
	case err != nil || !event.WholeRoom:
		return row, err
	case event.Ended:
		_, err := c.removeParts(ctx, tx, at, event.RoomID)
		return row, err
	case before.Large:
		return row, c.appendPart(ctx, tx, at, event)
	default: // it is large from now on
		if err := tx.SetLarge(ctx, event.RoomID); err != nil {
			return 0, err
		}
		_, err := c.appendParts(ctx, tx, at, event.RoomID, version, event.Users)
		return row, err
	}
}

// appendPart puts the part of a large room's membership into the outbox that an event has changed.
func (c *Changes) appendPart(ctx context.Context, tx store.Tx, at time.Time, event events.MembershipChanged) error {
	part := events.SnapshotPart(event.Member.ID)
	users, err := tx.JoinedIn(ctx, event.RoomID, part)
	if err != nil {
		return err
	}
	_, err = c.appendSnapshot(ctx, tx, at, events.MembershipSnapshot{RoomID: event.RoomID, Part: part, Version: event.Version, Users: users})
	return err
}

// appendParts puts all parts of a large room's membership into the outbox. It gives the last row.
func (c *Changes) appendParts(ctx context.Context, tx store.Tx, at time.Time, room uuid.UUID, version int64, users []uuid.UUID) (row int64, err error) {
	parts := make([][]uuid.UUID, events.SnapshotParts)
	for _, user := range users {
		part := events.SnapshotPart(user)
		parts[part] = append(parts[part], user)
	}
	for part, users := range parts {
		row, err = c.appendSnapshot(ctx, tx, at, events.MembershipSnapshot{RoomID: room, Part: part, Version: version, Users: users})
		if err != nil {
			return 0, err
		}
	}
	return row, nil
}

// appendSnapshot puts a snapshot into the outbox; that of a part that nobody is in has an empty list. It gives the row.
func (c *Changes) appendSnapshot(ctx context.Context, tx store.Tx, at time.Time, snapshot events.MembershipSnapshot) (int64, error) {
	if snapshot.Users == nil {
		snapshot.Users = []uuid.UUID{}
	}
	return c.append(ctx, tx, at, snapshot)
}

// removeParts puts into the outbox that nobody is in a large room any more, which has ended. It gives the last row.
func (c *Changes) removeParts(ctx context.Context, tx store.Tx, at time.Time, room uuid.UUID) (row int64, err error) {
	for part := range events.SnapshotParts {
		if row, err = c.append(ctx, tx, at, events.SnapshotRemoved{RoomID: room, Part: part}); err != nil {
			return 0, err
		}
	}
	return row, nil
}
