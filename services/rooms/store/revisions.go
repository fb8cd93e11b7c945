package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Revision is what an edit or a deletion makes of a message's preview.
type Revision struct {
	RoomID  uuid.UUID
	Message events.Position // of the message
	By      events.Position // of the edit or deletion
	Sender  uuid.UUID       // of the message
	Preview wire.Preview
	Expires time.Time // as of [LatestMessage]
	Deleted bool
}

// Supersedes reports whether r is shown, and not another revision of the same message: the later one is, except that a deletion is final.
func (r Revision) Supersedes(other Revision) bool {
	if r.Deleted != other.Deleted {
		return r.Deleted
	}
	return r.By.Compare(other.By) > 0
}

// Shown gives what is kept of the revision.
func (r Revision) Shown() Shown {
	shown := LatestMessage{Preview: r.Preview, Sender: r.Sender, Expires: r.Expires}.Shown()
	shown.RevisedBy, shown.Deleted = r.By.String(), r.Deleted
	return shown
}

// RevisionsTx is the part of a transaction that changes previews of messages.
type RevisionsTx interface {
	// RevisePreviews sets what rooms show, one revision a room, where the message is the room's latest and no revision is shown that the given one does
	// not supersede. Nothing else of a room changes. The rooms are locked.
	RevisePreviews(ctx context.Context, revisions []Revision) error
}
