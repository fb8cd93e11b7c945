package changes

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

// Author is who changes a room: one of its members, or a backend.
type Author struct {
	user    uuid.UUID
	backend bool
	tenant  string // of a backend; "": any
}

// Member is a user who changes rooms that it is in.
func Member(user uuid.UUID) Author { return Author{user: user} }

// Backend changes all rooms of the tenant to which its token belongs, or of all of them where it belongs to none.
func Backend(tenant string) Author { return Author{backend: true, tenant: tenant} }

// member is nil for a backend.
func (a Author) member() *uuid.UUID {
	if a.backend {
		return nil
	}
	return &a.user
}

// lock locks a room that the author may change. Errors: [store.ErrRoomNotFound].
func (a Author) lock(ctx context.Context, tx store.Tx, room uuid.UUID) (store.RoomState, error) {
	if !a.backend {
		state, _, err := lockAs(ctx, tx, room, a.user)
		return state, err
	}
	state, err := tx.LockRoom(ctx, room)
	if err == nil && a.tenant != "" && a.tenant != state.Tenant {
		err = store.ErrRoomNotFound
	}
	return state, err
}
