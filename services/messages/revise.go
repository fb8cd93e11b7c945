package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

// findTimeout is how long an edit or a deletion may take to find its message, once it is known who is in the room.
const findTimeout = time.Second

var (
	errNotTheAuthor   = errors.New("the caller has not written the message")
	errEditWindowOver = errors.New("the message is too old to be edited")
	errMessageDeleted = errors.New("the message is deleted")
	errNotEditable    = errors.New("the caller can change no message of this type")
)

// editRequest is the body of PATCH /api/rooms/{room_id}/messages/{message_id}.
type editRequest struct {
	Body     json.RawMessage `json:"msgBody"`
	Mentions json.RawMessage `json:"mentions"` // not to be changed
}

// edit handles PATCH /api/rooms/{room_id}/messages/{message_id}.
func (s *Service) edit(c *fiber.Ctx) error {
	var request editRequest
	room, id, err := messageParams(c)
	if err != nil {
		return err
	}
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	if request.Mentions != nil && string(request.Mentions) != "null" {
		return httpapi.InvalidRequest("mentions cannot be changed: they stay as they were sent")
	}
	ctx, caller := c.UserContext(), authn.Caller(c)
	message, err := s.hold(c, room, id, func(entry store.Entry) error { return editable(entry, caller, s.cfg.EditWindow, time.Now()) })
	if err != nil {
		return problemOf(err)
	}
	edited, err := s.edited(ctx, message, caller, request.Body)
	if err != nil {
		return revisionProblemOf(err)
	}
	return answerMessage(c, edited)
}

// edited gives a message that is held another body.
func (s *Service) edited(ctx context.Context, message held, by authn.Principal, to json.RawMessage) (edited wire.Message, err error) {
	defer s.letGoUnwritten(ctx, message, &err)
	members := message.members
	if by.Backend && message.entry.Message.Type != wire.SystemMessage {
		if members, err = s.members.Of(ctx, members.RoomID, by.UserID); err != nil { // it is the author, as any user may be
			return edited, err
		}
	}
	what, err := body.Edit(message.entry.Message, to)
	if err != nil {
		return edited, err
	}
	edited = shown(message.entry)
	if edited.Body, err = json.Marshal(what); err != nil {
		return edited, fmt.Errorf("encode message body: %w", err)
	}
	return s.reword(ctx, members, message.entry, edited, what.Preview(by.DisplayName()))
}

// reword gives an entry another content, which says something.
func (s *Service) reword(ctx context.Context, members events.Membership, entry store.Entry, to wire.Message, preview wire.Preview) (wire.Message, error) {
	expires := expiryOf(to, s.kept.Foreseen(ctx, to.RoomID))
	return s.revise(ctx, to, func(message wire.Message, at wire.Time) events.RevisionEvent {
		message.EditedAt = &at
		revision := revisionOf(members, entry, message, preview)
		revision.Expires = expires
		return events.MessageEdited{Revision: revision}
	})
}

// remove handles DELETE /api/rooms/{room_id}/messages/{message_id}. What is deleted is not deleted again.
func (s *Service) remove(c *fiber.Ctx) error {
	room, id, err := messageParams(c)
	if err != nil {
		return err
	}
	message, err := s.hold(c, room, id, func(entry store.Entry) error { return deletable(entry, authn.Caller(c)) })
	if err != nil {
		return problemOf(err)
	}
	deleted := shown(message.entry)
	if deleted.DeletedAt == nil {
		if deleted, err = s.deleted(c.UserContext(), message); err != nil {
			return revisionProblemOf(err)
		}
	}
	return answerMessage(c, deleted)
}

// deleted takes the content from a message that is held.
func (s *Service) deleted(ctx context.Context, message held) (deleted wire.Message, err error) {
	defer s.letGoUnwritten(ctx, message, &err)
	return s.markDeleted(ctx, message.members, message.entry)
}

// markDeleted takes the content from a message, and gives what is left of it.
func (s *Service) markDeleted(ctx context.Context, members events.Membership, entry store.Entry) (wire.Message, error) {
	empty, err := json.Marshal(wire.DeletedBody{})
	if err != nil {
		return wire.Message{}, fmt.Errorf("encode message body: %w", err)
	}
	left := shown(entry)
	left.Body, left.Mentions = empty, nil
	return s.revise(ctx, left, func(message wire.Message, at wire.Time) events.RevisionEvent {
		message.DeletedAt = &at
		return events.MessageDeleted{Revision: revisionOf(members, entry, message, wire.DeletedPreview())}
	})
}

// inSight gives a message that the caller sees, and the membership of its room: a member sees what it may read, the backend all of its tenant's rooms.
// Errors: [membership.ErrRoomNotFound], [store.ErrMessageNotFound], and those of what is asked.
func (s *Service) inSight(ctx context.Context, room, message uuid.UUID, caller authn.Principal) (events.Membership, store.Entry, error) {
	members, err := s.room(ctx, room, caller)
	if err != nil {
		return events.Membership{}, store.Entry{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	entry, err := s.found(ctx, room, message)
	if err != nil || caller.Backend {
		return members, entry, err
	}
	seen, err := s.sees(ctx, members, caller.UserID, entry.Position)
	if err == nil && !seen {
		err = store.ErrMessageNotFound
	}
	return members, entry, err
}

// room gives the membership of a room that the caller is in, or the backend's tenant has.
func (s *Service) room(ctx context.Context, room uuid.UUID, caller authn.Principal) (events.Membership, error) {
	if caller.Backend {
		return s.ofTenant(ctx, room, caller.Tenant)
	}
	return s.members.Of(ctx, room, caller.UserID)
}

// ofTenant gives the membership of a room of a tenant. Of all others there is none.
func (s *Service) ofTenant(ctx context.Context, room uuid.UUID, tenant string) (events.Membership, error) {
	members, err := s.members.Room(ctx, room)
	if err == nil && members.Tenant != tenant {
		err = membership.ErrRoomNotFound
	}
	return members, err
}

// editable says why the caller, who sees a message, may not edit it. What the backend has said in a room the backend alone edits, whoever has its token.
func editable(entry store.Entry, by authn.Principal, window time.Duration, now time.Time) error {
	message := entry.Message
	switch ofBackend := message.Type == wire.SystemMessage; {
	case message.Type == wire.RoomChange, ofBackend && !by.Backend:
		return errNotEditable
	case !ofBackend && message.SenderID != by.UserID:
		return errNotTheAuthor
	case !entry.DeletedAt.IsZero():
		return errMessageDeleted
	case window <= 0 || now.Sub(message.CreatedAt.Time) >= window:
		return errEditWindowOver
	}
	return nil
}

// deletable says why the caller, who sees a message, may not delete it. The backend may, whoever has written it.
func deletable(entry store.Entry, by authn.Principal) error {
	switch {
	case entry.Message.Type == wire.RoomChange:
		return errNotEditable
	case !by.Backend && entry.Message.SenderID != by.UserID:
		return errNotTheAuthor
	}
	return nil
}

// revisionOf makes an entry the message as it is from now on.
func revisionOf(members events.Membership, entry store.Entry, message wire.Message, preview wire.Preview) events.Revision {
	return events.Revision{RoomID: members.RoomID, Message: message, Preview: preview, Pace: entry.Pace, Audience: members.Audience}
}

// revise appends the event that says what becomes of a message now to the log, and writes it through to the timeline. It gives the message as it is then.
func (s *Service) revise(ctx context.Context, message wire.Message, event func(wire.Message, wire.Time) events.RevisionEvent) (wire.Message, error) {
	revised, _, _, err := s.commit(ctx, draft{room: message.RoomID, size: len(message.Body) + len(message.Mentions)*mentionSize, revises: true, compose: func() (events.Event, error) {
		now := s.clock.now()
		return events.New(source, now.Time, event(message, now)), nil
	}})
	if err != nil {
		return wire.Message{}, err
	}
	s.sends.Forget(message.ID)
	return messageOf(revised), nil
}

// forgetRevised forgets the result of a send where the record says that the message is another one now: who tries the send again is answered from the
// timeline. A record that cannot be read is the consumer group's to put aside.
func (s *Service) forgetRevised(record bus.Record) {
	if !events.IsRevision(record.Headers) {
		return
	}
	if event, err := events.Decode(record.Headers, record.Value); err == nil {
		s.sends.Forget(event.Data.(events.RevisionEvent).Revises().Message.ID)
	}
}

// revisionProblemOf gives the problem for an error of the log. Asking again does no harm: the message is then as it was to be.
func revisionProblemOf(err error) error {
	switch {
	case errors.Is(err, bus.ErrOutcomeUnknown):
		return httpapi.NewProblem(http.StatusGatewayTimeout, "outcome-unknown", "Outcome unknown",
			"the change was sent on and not acknowledged in time: it may still be made; ask again").Because(err)
	case errors.Is(err, bus.ErrUnavailable):
		return httpapi.Unavailable("kafka-unavailable", "Kafka unavailable", "the message was not changed; ask again", err)
	default:
		return problemOf(err)
	}
}
