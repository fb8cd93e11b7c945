package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// ErrForeignPoint says that a point is none that the store has given.
var ErrForeignPoint = errors.New("the point is not of this store")

// Written is a part of a walk through what a user has written, or through all that involves it.
type Written struct {
	Entries []Entry
	// Next is the point where it goes on, which has meaning to the store alone; nil: nowhere.
	Next []byte
}

// Senders finds messages by who has written them, and by whom else they involve.
type Senders interface {
	// Written gives messages that a sender has written, of all rooms and all types, each once and with its newest content, in an order of the store's own:
	// from the beginning where from is nil, else from a point that an earlier part had. At most so many are given; fewer, and even none, also where
	// there are more, as a store looks at a bounded number of messages of others meanwhile. What is appended during the walk may be left out.
	// Errors beside the usual: [ErrForeignPoint].
	Written(ctx context.Context, sender uuid.UUID, from []byte, limit int) (Written, error)

	// Involving gives the messages that involve a user, see [Entry.Involves], in the same way. What a version before this method has stored may be missing
	// where nothing but a quotation or a mention involves the user.
	Involving(ctx context.Context, user uuid.UUID, from []byte, limit int) (Written, error)
}
