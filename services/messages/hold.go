package messages

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// holdWait is how long an edit or a deletion waits for another one of the same message, from when it found it to be under way.
	holdWait = time.Second
	holdPoll = 30 * time.Millisecond
	// holdTimeout bounds all that comes before the log: who is in the room, the message, and another one's edit.
	holdTimeout = membership.LookupTimeout + findTimeout + holdWait
	// holdLasting is how long nobody else revises the content that was claimed. By then the revision is in the timeline or in what each process has
	// read of the log, or will never be: the log takes or gives up a record within seconds.
	holdLasting = time.Minute
)

var (
	errBeingRevised = errors.New("another edit or deletion of the message is under way")
	errChanged      = errors.New("the message is not the one that If-Match names")
)

// held is a message that nobody else revises from the content that it has.
type held struct {
	entry   store.Entry
	members events.Membership // of its room
	claim   store.Claim
}

// hold finds a message that the caller sees, asks may whether it may be revised, and holds it. What is deleted already is not held. Errors: those of
// inSight and of may; errChanged where If-Match names another content; errBeingRevised.
func (s *Service) hold(c *fiber.Ctx, room, message uuid.UUID, may func(store.Entry) error) (held, error) {
	return s.holdFound(c.UserContext(), store.Key{Room: room, Message: message}, func(ctx context.Context) (events.Membership, store.Entry, error) {
		members, entry, err := s.inSight(ctx, room, message, authn.Caller(c))
		if err == nil {
			err = cmp.Or(may(entry), unchanged(c, entry))
		}
		return members, entry, err
	})
}

// holdFound holds the message that look finds, unless that gives an error or finds it deleted. Errors: those of look; errBeingRevised.
func (s *Service) holdFound(ctx context.Context, message store.Key, look func(context.Context) (events.Membership, store.Entry, error)) (held, error) {
	ctx, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	late := time.After(holdWait)
	poll := time.NewTicker(holdPoll)
	defer poll.Stop()
	claim := store.Claim{Key: message, Holder: uuid.New()}
	for {
		members, entry, err := look(ctx)
		if err != nil || !entry.DeletedAt.IsZero() {
			return held{entry: entry}, err
		}
		claim.Base = entry.Revision
		if claimed, err := s.deps.Store.Claim(ctx, claim, holdLasting); err != nil || claimed {
			return held{entry: entry, members: members, claim: claim}, err
		}
		select {
		case <-poll.C:
		case <-late:
			return held{}, errBeingRevised
		case <-ctx.Done():
			return held{}, errBeingRevised
		}
	}
}

// unchanged is errChanged where If-Match names another content of the message.
func unchanged(c *fiber.Ctx, entry store.Entry) error {
	if header := c.Get(fiber.HeaderIfMatch); header != "" && !httpapi.NamesTagStrongly(header, tagOf(entry.Whole())) {
		return errChanged
	}
	return nil
}

// tagOf is the ETag of a message: when it got the content that it has. So whoever has the message knows its tag.
func tagOf(message wire.Message) string {
	since := message.CreatedAt
	if message.EditedAt != nil {
		since = *message.EditedAt
	}
	if message.DeletedAt != nil {
		since = *message.DeletedAt
	}
	return `"` + since.String() + `"`
}

// letGoUnwritten lets others revise a message of which, as the error says, nothing was written.
func (s *Service) letGoUnwritten(ctx context.Context, what held, err *error) {
	if *err == nil || errors.Is(*err, bus.ErrOutcomeUnknown) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findTimeout)
	defer cancel()
	if err := s.deps.Store.Release(ctx, what.claim); err != nil {
		s.deps.Telemetry.Log.DebugContext(ctx, "a claim on a message is left to expire", "error", err)
	}
}
