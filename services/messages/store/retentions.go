package store

import (
	"context"

	"github.com/google/uuid"
)

// Retentions keeps for how many days rooms keep their messages that do not go by the installation.
type Retentions interface {
	// SetRetention says for how many days a room keeps its messages, 0 for ever, durably once it returns. What is said last counts. After an error it may
	// count or not.
	SetRetention(ctx context.Context, room uuid.UUID, days int) error

	// UnsetRetention has a room go by the installation again, as it did before [Retentions.SetRetention]. That nothing was set is no error.
	UnsetRetention(ctx context.Context, room uuid.UUID) error

	// Retention gives what was set of a room, and whether anything was.
	Retention(ctx context.Context, room uuid.UUID) (days int, set bool, err error)
}
