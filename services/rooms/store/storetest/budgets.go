package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

func budgetsAreSpent(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	hour := start().Truncate(time.Hour)
	for i, step := range []struct {
		user   uuid.UUID
		on     store.Spending
		hour   time.Time
		amount int
		within bool
	}{
		{users[0], store.Creations, hour, 3, true},
		{users[0], store.Creations, hour, 3, false},
		{users[0], store.Creations, hour, 2, true}, // what was refused was not spent
		{users[0], store.Creations, hour, 1, false},
		{users[0], store.Contacts, hour, 5, true},
		{users[0], store.Invitations, hour, 6, false},
		{users[1], store.Creations, hour, 5, true},
		{users[0], store.Creations, hour.Add(time.Hour), 5, true},
		{users[0], store.Creations, hour, 1, false}, // a clock that is behind brings nothing back
	} {
		transact(t, s, func(ctx context.Context, tx store.Tx) error {
			within, err := tx.Spend(ctx, step.user, step.on, step.hour, step.amount, 5)
			if within != step.within {
				t.Errorf("step %d is within: %t", i, within)
			}
			return err
		})
	}
}

// budgetsHold has 50 at once create rooms, as processes do: never one more than the budget.
func budgetsHold(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	const most = 7
	var created atomic.Int32
	var working sync.WaitGroup
	for range 50 {
		working.Go(func() {
			asked := newRoom(wire.Group, "", start(), users...)
			asked.Budgets = changes.Budgets{Creations: most, Invitations: 100}
			_, _, err := flow(s).CreateRoom(t.Context(), asked)
			for errors.Is(err, store.ErrUnavailable) {
				_, _, err = flow(s).CreateRoom(t.Context(), asked)
			}
			switch {
			case err == nil:
				created.Add(1)
			case !errors.Is(err, store.ErrOverBudget):
				t.Errorf("create: %v", err)
			}
		})
	}
	working.Wait()
	if created.Load() != most {
		t.Errorf("%d rooms were created, want %d", created.Load(), most)
	}
}

func changesAreCharged(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol", "dave")
	budgets := changes.Budgets{Creations: 5, Invitations: 3, Contacts: 1}
	try := func(kind wire.RoomType, users ...uuid.UUID) error {
		asked := newRoom(kind, "", after(time.Minute), users...)
		asked.Budgets = budgets
		_, _, err := flow(s).CreateRoom(t.Context(), asked)
		return err
	}
	over := func(what string, err error, on store.Spending) {
		t.Helper()
		var refused store.OverBudgetError
		if !errors.As(err, &refused) || refused.Kind != on || refused.Wait <= 0 || refused.Wait > time.Hour {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := try(wire.Single, users[0], users[1]); err != nil {
		t.Errorf("a first contact: %v", err)
	}
	if err := try(wire.Single, users[0], users[1]); !errors.Is(err, store.ErrOverBudget) && !errors.Is(err, store.ErrRoomExists) {
		t.Errorf("the same again: %v", err)
	}
	over("another contact", try(wire.Single, users[0], users[2]), store.Contacts)
	if err := try(wire.Group, users[0], users[1], users[2]); err != nil {
		t.Errorf("two invitations: %v", err)
	}
	over("two more", try(wire.Group, users[0], users[1], users[2]), store.Invitations)
	room := create(t, s, newRoom(wire.Group, "", start(), users[:2]...)).ID
	invite := func(by changes.Author, user uuid.UUID) error {
		_, err := flow(s).Invite(t.Context(), changes.Invitation{RoomID: room, By: by, User: user, At: after(time.Minute), MaxMembers: 9, Budgets: budgets})
		return err
	}
	if err := invite(changes.Member(users[0]), users[1]); !errors.Is(err, store.ErrAlreadyMember) {
		t.Errorf("what is refused: %v", err)
	}
	if err := invite(changes.Member(users[0]), users[2]); err != nil {
		t.Errorf("the third invitation: %v", err)
	}
	over("the fourth", invite(changes.Member(users[0]), users[3]), store.Invitations)
	if err := invite(changes.Backend(""), users[3]); err != nil {
		t.Errorf("by the backend: %v", err)
	}
}
