package messages

import (
	"context"
	"errors"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/store"
)

// errNothingToQuote says that the sender sees no message with the id in the room.
var errNothingToQuote = errors.New("there is no such message to reply to")

// quote gives a reply with the message that it quotes, which must be in the room, and seen by the sender. Errors: errNothingToQuote,
// [body.ErrNotQuotable], and those of what is asked.
func (s *Service) quote(ctx context.Context, members events.Membership, sender authn.Principal, reply body.Reply) (body.Reply, error) {
	entry, err := s.found(ctx, members.RoomID, reply.MessageID)
	switch {
	case errors.Is(err, store.ErrMessageNotFound):
		return body.Reply{}, errNothingToQuote
	case err != nil:
		return body.Reply{}, err
	case !entry.DeletedAt.IsZero():
		return body.Reply{}, errNothingToQuote
	}
	seen, err := s.sees(ctx, members, sender.UserID, entry.Position)
	switch {
	case err != nil:
		return body.Reply{}, err
	case !seen:
		return body.Reply{}, errNothingToQuote
	}
	return reply.Quoting(entry.Message)
}
