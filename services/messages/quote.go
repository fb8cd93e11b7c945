package messages

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// quoteTimeout is how long a reply may take to find the message that it quotes, and what its sender may read.
	quoteTimeout = time.Second
	// quoteWait is how long it looks again for a message that was made so lately as quoteRecent: one that was acknowledged, and not written
	// through, is in the timeline a moment later.
	quoteWait   = 500 * time.Millisecond
	quoteRecent = 10 * time.Second
)

// errNothingToQuote says that the sender sees no message with the id in the room.
var errNothingToQuote = errors.New("there is no such message to reply to")

// quote gives a reply with the message that it quotes, which must be in the room, and seen by the sender. Errors: errNothingToQuote,
// [body.ErrNotQuotable], and those of what is asked.
func (s *Service) quote(ctx context.Context, members events.Membership, sender authn.Principal, reply body.Reply) (body.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, quoteTimeout)
	defer cancel()
	entry, err := s.quoted(ctx, members.RoomID, reply.MessageID)
	switch {
	case err != nil:
		return body.Reply{}, err
	case !entry.DeletedAt.IsZero():
		return body.Reply{}, errNothingToQuote
	case members.SinceJoining:
		readable, err := s.readable(ctx, members.RoomID, sender.UserID)
		if err != nil {
			return body.Reply{}, err
		}
		if !readable.has(entry.Position) {
			return body.Reply{}, errNothingToQuote
		}
	}
	return reply.Quoting(entry.Message)
}

// quoted finds a message that the timeline has, or soon will have.
func (s *Service) quoted(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	wait := time.Duration(0)
	if madeLately(message) {
		wait = quoteWait
	}
	entry, err := s.awaited(ctx, room, message, wait)
	if errors.Is(err, store.ErrMessageNotFound) {
		err = errNothingToQuote
	}
	return entry, err
}

// madeLately reports whether an id says that it was made a moment ago. Whoever sends it may have made it up.
func madeLately(id uuid.UUID) bool {
	if id.Version() != 7 {
		return false
	}
	seconds, nanos := id.Time().UnixTime()
	return time.Since(time.Unix(seconds, nanos)).Abs() < quoteRecent
}
