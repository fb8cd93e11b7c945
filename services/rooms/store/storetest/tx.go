package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// transact runs change, which must succeed.
func transact(t testing.TB, s store.Store, change func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	if err := s.Transact(t.Context(), "test", change); err != nil {
		t.Fatalf("transact: %v", err)
	}
}

// group is the row of a Group.
func group(creator uuid.UUID) store.Room {
	return store.Room{ID: uuid.Must(uuid.NewV7()), Type: wire.Group, CreatedBy: creator, CreatedAt: start(), Preview: wire.NewRoomPreview()}
}

// single is the row of a Single room.
func single(a, b uuid.UUID) store.Room {
	room, pair := group(a), store.PairOf(a, b)
	room.Type, room.Pair = wire.Single, &pair
	return room
}

// insert adds a room with its members.
func insert(ctx context.Context, tx store.Tx, room store.Room, users ...uuid.UUID) error {
	return errors.Join(tx.InsertRoom(ctx, room), tx.InsertMembers(ctx, room.ID, users, start()))
}

var errUndone = errors.New("undone")

func failedTransactionLeavesNothing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room, other := create(t, s, newRoom(wire.Group, "", start(), users...)).ID, group(users[0])
	leader := outboxtest.Lead(t, s)
	outboxtest.Drain(t, leader)
	err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
		if err := insert(ctx, tx, other, users...); err != nil {
			return err
		}
		state := store.ReadState{Opened: true, At: after(time.Second)}
		if err := tx.SetReadState(ctx, room, users[0], state, store.Untold{Since: start()}); err != nil {
			return err
		}
		shown := store.LatestMessage{RoomID: room, At: after(time.Minute), Preview: wire.TextPreview("alice", "Soup?"), Position: events.Position{Offset: 7}}
		if err := tx.SetLatestMessages(ctx, []store.LatestMessage{shown}); err != nil {
			return err
		}
		if _, err := tx.Append(ctx, outboxtest.Row("a")); err != nil {
			return err
		}
		return errUndone
	})
	if err != errUndone { //nolint:errorlint // it is given as it is
		t.Errorf("the transaction gives %v", err)
	}
	if _, err := s.Membership(t.Context(), other.ID); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("the room that was undone: %v", err)
	}
	if read := members(t, s, room)[users[0]].LastReadAt; read != nil {
		t.Errorf("the read mark is %s", read)
	}
	if seen := get(t, s, room, users[0]); !seen.LatestMessage.Equal(start()) || *seen.LatestMessageText != wire.NewRoomPreview() {
		t.Errorf("the room became %+v", seen)
	}
	if left := outboxtest.Drain(t, leader); len(left) != 0 {
		t.Errorf("the outbox has %d rows", len(left))
	}
}

func transactionSeesItself(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	room := group(users[0])
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if err := insert(ctx, tx, room, users[2], users[0]); err != nil {
			return err
		}
		state, err := tx.LockRoom(ctx, room.ID)
		if err != nil || state.MembershipVersion != 1 || !state.LatestMessage.Equal(start()) {
			t.Errorf("the room's state is %+v, %v", state, err)
		}
		if joined, err := tx.Joined(ctx, room.ID); err != nil || !slices.Equal(joined, []uuid.UUID{users[2], users[0]}) {
			t.Errorf("joined have %v, %v", joined, err)
		}
		if err := tx.InsertMembers(ctx, room.ID, users[1:2], after(time.Second)); err != nil {
			return err
		}
		if joined, err := tx.Joined(ctx, room.ID); err != nil || !slices.Equal(joined, []uuid.UUID{users[2], users[0], users[1]}) {
			t.Errorf("with one more have joined %v, %v", joined, err)
		}
		if _, err := s.Membership(ctx, room.ID); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("others see the room before the commit: %v", err)
		}
		return nil
	})
	if got := members(t, s, room.ID); len(got) != len(users) {
		t.Errorf("after the commit the members are %v", got)
	}
}

func usersAreReadInOrder(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		for _, want := range [][]uuid.UUID{{users[2], users[0], users[1]}, {users[0], users[2]}, nil} {
			asked := append(slices.Insert(slices.Clone(want), len(want)/2, uuid.New()), uuid.New()) // beside two who are unknown
			found, err := tx.Users(ctx, asked)
			if err != nil {
				return err
			}
			if !slices.EqualFunc(found, want, func(user store.User, id uuid.UUID) bool { return user.ID == id }) {
				t.Errorf("found %v, want %v", found, want)
			}
			for _, user := range found {
				if user.Picture == nil || *user.Picture != "https://example.com/"+user.DisplayName+".png" {
					t.Errorf("found %+v", user)
				}
			}
		}
		return nil
	})
}

func unknownRowsAreSaid(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "eve")
	room := create(t, s, newRoom(wire.Group, "", start(), users[0], users[1])).ID
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockRoom(ctx, uuid.New()); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("an unknown room is locked: %v", err)
		}
		if _, _, err := tx.TakenBy(ctx, uuid.New()); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("an unknown room has taken something: %v", err)
		}
		for _, mark := range []store.ReadMark{{RoomID: room, UserID: users[2]}, {RoomID: uuid.New(), UserID: users[0]}} {
			mark.At = start()
			if _, err := tx.LockReader(ctx, mark.RoomID, mark.UserID); !errors.Is(err, store.ErrRoomNotFound) {
				t.Errorf("somebody reads by the mark %+v: %v", mark, err)
			}
			if err := tx.AdvanceReadMarks(ctx, []store.ReadMark{mark}); err != nil {
				t.Errorf("one of many: the mark %+v: %v", mark, err)
			}
		}
		if _, err := tx.SingleRoomOf(ctx, store.PairOf(users[0], users[1])); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("a pair without a room has one: %v", err)
		}
		if joined, err := tx.Joined(ctx, uuid.New()); err != nil || len(joined) != 0 {
			t.Errorf("an unknown room has been joined by %v, %v", joined, err)
		}
		return tx.LockRooms(ctx, []uuid.UUID{uuid.New(), room})
	})
}

func unstorableIsSaid(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	for name, user := range map[string]uuid.UUID{"nobody": uuid.New(), "who is there already": users[0]} {
		err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertMembers(ctx, room, []uuid.UUID{user}, start())
		})
		if !errors.Is(err, store.ErrUnstorable) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s becomes a member: %v, want ErrUnstorable", name, err)
		}
	}
}

func marksNeverGoBack(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		for _, step := range []struct{ to, want int64 }{{2, 2}, {1, 2}, {3, 3}} {
			mark := store.ReadMark{
				RoomID: room, UserID: users[0], Position: events.Position{Offset: step.to}, Counted: step.to, At: after(time.Duration(step.to) * time.Second),
			}
			if err := tx.AdvanceReadMarks(ctx, []store.ReadMark{mark}); err != nil {
				return err
			}
			want := store.ReadState{
				Position: events.Position{Offset: step.want}, Counted: step.want, Opened: true, At: after(time.Duration(step.want) * time.Second),
			}
			if state, err := tx.LockReader(ctx, room, users[0]); err != nil || state != want {
				t.Errorf("moved to %d it is %+v, %v; want %+v", step.to, state, err, want)
			}
		}
		fast := store.ReadMark{RoomID: room, UserID: users[0], Position: events.Position{Epoch: 1}, Counted: 4, At: after(time.Second)}
		return tx.AdvanceReadMarks(ctx, []store.ReadMark{fast})
	})
	if read := members(t, s, room)[users[0]].LastReadAt; read == nil || !read.Equal(after(3*time.Second)) {
		t.Errorf("in the end the time is %v", read)
	}
}

// pairIsWaitedFor holds a transaction open that has added a pair's room, while another is about to.
func pairIsWaitedFor(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	for name, end := range map[string]error{"commits": nil, "is undone": errUndone} {
		first, second := single(users[0], users[1]), single(users[1], users[0])
		if end == nil {
			first, second = single(users[0], users[2]), single(users[2], users[0])
		}
		ended := make(chan error, 1)
		err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertRoom(ctx, first); err != nil {
				return err
			}
			go func() {
				ended <- s.Transact(context.Background(), "test", func(ctx context.Context, tx store.Tx) error {
					return tx.InsertRoom(ctx, second)
				})
			}()
			staysAway(t, ended)
			return end
		})
		if !errors.Is(err, end) {
			t.Fatalf("the first transaction: %v", err)
		}
		err = <-ended
		var exists store.RoomExistsError
		if end == nil && (!errors.As(err, &exists) || exists.RoomID != first.ID) || end != nil && err != nil {
			t.Errorf("the second, after the first %s: %v", name, err)
		}
	}
}

// roomsAreLocked holds a room, while another transaction is about to lock the room for itself.
func roomsAreLocked(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	for name, lock := range map[string]func(ctx context.Context, tx store.Tx) error{
		"LockTaken": func(ctx context.Context, tx store.Tx) error {
			_, err := tx.LockTaken(ctx, []uuid.UUID{room})
			return err
		},
		"LockRoom":  func(ctx context.Context, tx store.Tx) error { _, err := tx.LockRoom(ctx, room); return err },
		"LockRooms": func(ctx context.Context, tx store.Tx) error { return tx.LockRooms(ctx, []uuid.UUID{room}) },
	} {
		ended := make(chan error, 1)
		transact(t, s, func(ctx context.Context, tx store.Tx) error {
			if err := lock(ctx, tx); err != nil {
				return err
			}
			go func() {
				ended <- s.Transact(context.Background(), "test", func(ctx context.Context, tx store.Tx) error {
					return tx.LockRooms(ctx, []uuid.UUID{room})
				})
			}()
			staysAway(t, ended)
			return nil
		})
		if err := <-ended; err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// staysAway checks for a moment that nothing comes.
func staysAway(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		t.Errorf("it was not waited for: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}
