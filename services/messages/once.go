package messages

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/internal/sends"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// headerReplayed says that the answer is that of an earlier send of the name.
	headerReplayed = "Idempotency-Replayed"

	// underWayWait is how long a send waits for another one of its name, on the same node.
	underWayWait = 2 * time.Second
	// earlierTimeout is how long it looks for what became of an earlier one. A store that does not answer stops no send.
	earlierTimeout = 500 * time.Millisecond
)

// errAnotherBody says that a name has been used for something else.
var errAnotherBody = errors.New("the name has been used for another message")

// nameOf gives what a client has named a send with, by the header Idempotency-Key or by clientMsgId in the body; "" where it has not.
func nameOf(c *fiber.Ctx, clientID *string) (string, error) {
	name, err := httpapi.IdempotencyKey(c)
	switch {
	case err != nil:
		return "", err
	case clientID == nil:
		return name, nil
	case httpapi.CheckKey(*clientID) != nil:
		return "", httpapi.InvalidRequest("clientMsgId must have 1 to 255 characters, and no control characters")
	case name != "" && name != *clientID:
		return "", httpapi.InvalidRequest("clientMsgId and Idempotency-Key differ")
	}
	return *clientID, nil
}

func (u utterance) named() sends.Name {
	return sends.Name{Sender: u.sender.UserID, Room: u.members.RoomID, Text: u.name}
}

// sayOnce says something, unless it has been said before under its name; then it gives the message as it is now, and reports so. Errors beside those of
// say: [sends.ErrUnderWay], errAnotherBody.
func (s *Service) sayOnce(ctx context.Context, u utterance) (said wire.Message, again bool, err error) {
	if !u.isNamed() {
		said, err = s.say(ctx, u)
		return said, false, err
	}
	waiting, cancel := context.WithTimeout(ctx, underWayWait)
	defer cancel()
	end, err := s.sends.Begin(waiting, u.named())
	if err != nil {
		return wire.Message{}, false, err
	}
	defer end()
	if said, again, err = s.earlier(ctx, u); err != nil || again {
		return said, again, err
	}
	if said, err = s.say(ctx, u); err == nil {
		s.sends.Remember(said)
	}
	return said, false, err
}

// earlier gives the message that was sent before under the name. Where neither the store nor what has been read of the log can say that there is one,
// the message is sent: of two that the log has, the first counts.
func (s *Service) earlier(ctx context.Context, u utterance) (said wire.Message, found bool, err error) {
	ids := u.named().Messages(time.Now())
	for _, id := range ids {
		if said, found = s.sends.Result(id); found {
			return said, true, u.unlessAnother(said)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, earlierTimeout)
	defer cancel()
	entry, found := s.firstOf(ctx, u.members.RoomID, ids)
	if !found {
		return wire.Message{}, false, nil
	}
	said = shown(entry)
	if entry.Revision != (events.Position{}) { // what was sent first cannot be had any more
		return said, true, nil
	}
	return said, true, u.unlessAnother(said)
}

// firstOf finds a message that has one of the ids. What the store has is first, as what is known of the log stands behind it.
func (s *Service) firstOf(ctx context.Context, room uuid.UUID, ids [2]uuid.UUID) (store.Entry, bool) {
	keys := []store.Key{{Room: room, Message: ids[0]}, {Room: room, Message: ids[1]}}
	stored, err := s.deps.Store.FirstPositions(ctx, keys)
	for _, key := range keys {
		if _, ok := stored[key]; !ok {
			continue
		}
		var entry store.Entry
		if entry, err = s.find(ctx, key.Room, key.Message); err == nil {
			return entry, true
		}
	}
	if err != nil {
		s.reportUnknown(ctx, err)
	}
	if !s.tail.Has(s.log.PartitionOf(room.String()), room, textsOf(ids[:]).in) {
		return store.Entry{}, false
	}
	behind, _ := s.behind(room)
	return behind.find(ids[:]...)
}

// unlessAnother says whether a message is another one than the utterance would make.
func (u utterance) unlessAnother(message wire.Message) error {
	if body.Says(message, u.what) && slices.Equal(message.Mentions, u.mentions) {
		return nil
	}
	return errAnotherBody
}

// reportUnknown says once in a while that the store does not tell what has been sent before.
func (s *Service) reportUnknown(ctx context.Context, err error) {
	s.unknown.Do(func() {
		s.deps.Telemetry.Log.WarnContext(ctx, "it cannot be said whether messages have been sent before; they are sent, and of two the first counts", "error", err)
	})
}
