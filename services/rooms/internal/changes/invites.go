package changes

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

// Invites says whom a user may draw into rooms, by creating them or by inviting. A backend may always.
type Invites string

// Whom a user may draw into rooms. The zero value is [Anyone].
const (
	Anyone      Invites = "anyone"
	OnlyFriends Invites = "friends"
	OnlySharing Invites = "shared-room" // who is in another room with the user
	OnlyBackend Invites = "backend"     // nobody: rooms are the backend's to fill
)

// Valid reports whether it is one of these.
func (i Invites) Valid() bool {
	return slices.Contains([]Invites{Anyone, OnlyFriends, OnlySharing, OnlyBackend}, i)
}

// allow gives [store.ErrInvitation] where the user may not draw all the others into a room. The user's friends stay so until the transaction ends if it
// has asked for blocks.
func (i Invites) allow(ctx context.Context, tx store.Tx, user uuid.UUID, others []uuid.UUID) error {
	var may []uuid.UUID
	var err error
	switch i {
	case Anyone, "":
		return nil
	case OnlyFriends:
		may, err = tx.Friends(ctx, user, others)
	case OnlySharing:
		may, err = tx.SharingRooms(ctx, user, others)
	}
	if err == nil && len(may) < len(others) {
		err = store.ErrInvitation
	}
	return err
}
