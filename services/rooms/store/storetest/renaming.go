package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

func groupIsRenamed(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "eve")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users[:2]...)).ID
	eventsOf(t, s)
	name, picture := "Dinner 🥗", "https://example.com/dinner.png"
	rename := func(by changes.Author, room uuid.UUID, name, picture changes.Text) (wire.PublicRoom, int64, error) {
		return flow(s).Rename(t.Context(), changes.Renaming{RoomID: room, By: by, Name: name, ImageURL: picture, At: start()})
	}
	given := func(text *string) changes.Text { return changes.Text{Given: true, Value: text} }
	if _, row, err := rename(changes.Member(users[1]), room, given(&name), changes.Text{}); err != nil || row == 0 {
		t.Fatalf("rename: row %d, %v", row, err)
	}
	if _, row, err := rename(changes.Backend(""), room, changes.Text{}, given(&picture)); err != nil || row == 0 {
		t.Fatalf("the backend's picture: row %d, %v", row, err)
	}
	if seen, row, err := rename(changes.Member(users[0]), room, given(&name), given(&picture)); err != nil || row != 0 || *seen.Name != name {
		t.Errorf("what is so already: %+v, row %d, %v", seen, row, err)
	}
	if seen := get(t, s, room, users[0]); *seen.Name != name || seen.ImageURL == nil || *seen.ImageURL != picture {
		t.Errorf("alice sees %+v", seen)
	}
	single := create(t, s, newRoom(wire.Single, "", start(), users[:2]...)).ID
	for what, c := range map[string]struct {
		by   changes.Author
		room uuid.UUID
		want error
	}{
		"an outsider":              {changes.Member(users[2]), room, store.ErrRoomNotFound},
		"another tenant's backend": {changes.Backend("umbrella"), room, store.ErrRoomNotFound},
		"of no room":               {changes.Backend(""), uuid.New(), store.ErrRoomNotFound},
		"of a Single room":         {changes.Member(users[0]), single, store.ErrSingleRoom},
	} {
		if _, _, err := rename(c.by, c.room, given(nil), given(nil)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	var told []events.RoomChanged
	for _, event := range eventsOf(t, s) {
		if changed, ok := event.(events.RoomChanged); ok {
			told = append(told, changed)
		}
	}
	if len(told) != 2 || *told[0].ChangedBy != users[1] || told[1].ChangedBy != nil || told[0].Room.ImageURL != nil || *told[1].Room.ImageURL != picture ||
		!slices.Equal(told[1].Users, users[:2]) || told[1].Version != 1 {
		t.Errorf("told was %+v", told)
	}
	if _, _, err := rename(changes.Member(users[0]), room, given(nil), changes.Text{}); err != nil || get(t, s, room, users[0]).Name != nil {
		t.Errorf("without a name it is %+v, %v", get(t, s, room, users[0]), err)
	}
}

func nameAndPictureAreSet(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	row, name, picture := group(users[0]), "Dinner", "https://example.com/dinner.png"
	row.Name, row.Tenant = &picture, "acme"
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if err := insert(ctx, tx, row, users...); err != nil {
			return err
		}
		return tx.SetPublic(ctx, row.ID, &name, &picture)
	})
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		state, err := tx.LockRoom(ctx, row.ID)
		if err != nil || *state.Name != name || *state.ImageURL != picture || state.Tenant != "acme" {
			t.Errorf("the room is %+v, %v", state, err)
		}
		return tx.SetPublic(ctx, row.ID, nil, nil)
	})
	if seen := get(t, s, row.ID, users[0]); seen.Name != nil || seen.ImageURL != nil {
		t.Errorf("without both it is %+v", seen)
	}
}

func allLeave(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	row := group(users[0])
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		left := store.MembershipChange{RoomID: row.ID, Users: users[2:], At: start(), Message: uuid.New()}
		return errors.Join(insert(ctx, tx, row, users...), tx.Leave(ctx, left), tx.LeaveAll(ctx, row.ID, after(time.Hour)))
	})
	for _, user := range users {
		standing, err := s.Standing(t.Context(), row.ID, user)
		if err != nil || standing.Status != wire.Left || (standing.To != nil) != (user == users[2]) {
			t.Errorf("a user stands as %+v, %v", standing, err)
		}
	}
}

func largeRoomIsRenamedByReference(t *testing.T, s store.Store) {
	users := addUsers(t, s, slices.Repeat([]string{"somebody"}, events.MaxNamed+1)...)
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...)).ID
	eventsOf(t, s)
	name := "Dinner"
	_, _, err := flow(s).Rename(t.Context(), changes.Renaming{RoomID: room, By: changes.Member(users[0]), Name: changes.Text{Given: true, Value: &name}, At: start()})
	if err != nil {
		t.Fatal(err)
	}
	told := eventsOf(t, s)
	if changed, ok := told[0].(events.RoomChanged); !ok || len(told) != 1 || !changed.ByReference() {
		t.Errorf("told was %+v", told)
	}
}
