package store

import (
	"context"

	"github.com/google/uuid"
)

// Rewrite is how far the snapshots of all large rooms have been written to one incarnation of [events.TopicMemberships].
type Rewrite struct {
	Behind   uuid.UUID // the large room up to which all are written, in the order of ids
	Finished bool
	First    bool // no other incarnation is known
}

// SnapshotsTx is the part of a transaction that writes the snapshots of all large rooms anew.
type SnapshotsTx interface {
	// LockRewrite keeps what is written to an incarnation, which has Kafka's id of the topic, to this transaction until it ends, and gives how far
	// that is. One that is not known yet begins with it.
	LockRewrite(ctx context.Context, topic uuid.UUID) (Rewrite, error)

	// SetRewrite sets how far a locked one is. Whether it is the first follows from the others.
	SetRewrite(ctx context.Context, topic uuid.UUID, rewrite Rewrite) error

	// NextLarge gives the large room with the lowest id behind another one, also one that has ended. It locks nothing. Errors: [ErrRoomNotFound].
	NextLarge(ctx context.Context, behind uuid.UUID) (uuid.UUID, error)
}
