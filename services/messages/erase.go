package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

// take takes records of one partition: of the rooms' log, or of the users'.
func (s *Service) take(ctx context.Context, records []bus.Record) error {
	if records[0].Topic == events.TopicUsers {
		return s.takeDeletions(ctx, records)
	}
	return s.timeline.Apply(ctx, records)
}

// takeDeletions takes records of the users' log. It records what is to be erased, and erases nothing itself: that may take long.
func (s *Service) takeDeletions(ctx context.Context, records []bus.Record) error {
	deleted, err := bus.Decode[events.UserDeleted](records)
	if err != nil {
		return err
	}
	for _, event := range deleted {
		if err := s.erasures.Take(ctx, event.Data, event.Event.Time); err != nil {
			return fmt.Errorf("take the deletion of a user: %w", err)
		}
	}
	return nil
}

// eraser does to timelines what erasures need, see [erasures.Timeline].
type eraser struct{ *Service }

// Delete deletes a message of a deleted user.
func (e eraser) Delete(ctx context.Context, entry store.Entry) error {
	members, err := e.audienceOf(ctx, entry)
	if err == nil {
		_, err = e.markDeleted(ctx, members, entry)
	}
	return err
}

// Rename gives a message of a change of members another body.
func (e eraser) Rename(ctx context.Context, entry store.Entry, body wire.RoomChangeBody) error {
	members, err := e.audienceOf(ctx, entry)
	if err != nil {
		return err
	}
	renamed := shown(entry)
	if renamed.Body, err = json.Marshal(body); err != nil {
		return fmt.Errorf("encode message body: %w", err)
	}
	change := wire.Join
	if body.Type == "UserLeft" {
		change = wire.Leave
	}
	preview := wire.RoomChangePreview(body.RelatedUser.DisplayName, change)
	_, err = e.revise(ctx, renamed, func(message wire.Message, at wire.Time) events.RevisionEvent {
		message.EditedAt = &at
		return events.MessageEdited{Revision: revisionOf(members, entry, message, preview)}
	})
	return err
}

// errNothingToChange says that a message has nothing more of a deleted user.
var errNothingToChange = errors.New("there is nothing to change")

// Change gives a message of somebody else another content, see [erasures.Timeline]. It holds the message, as an edit of its author's does: neither undoes the
// other. What is written is an edit, with a time: by that clients and tags tell that it is another content.
func (e eraser) Change(ctx context.Context, of store.Key, change func(wire.Message) (wire.Message, bool)) error {
	message, err := e.holdFound(ctx, of, func(ctx context.Context) (members events.Membership, entry store.Entry, err error) {
		if entry, err = e.find(ctx, of.Room, of.Message); err != nil {
			return members, entry, err
		}
		if _, any := change(entry.Message); !any {
			return members, entry, errNothingToChange
		}
		members, err = e.audienceOf(ctx, entry)
		return members, entry, err
	})
	switch {
	case errors.Is(err, errNothingToChange), errors.Is(err, store.ErrMessageNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("hold a message that refers to a deleted user: %w", err)
	case !message.entry.DeletedAt.IsZero():
		return nil
	}
	changed, _ := change(shown(message.entry))
	return e.changed(ctx, message, changed)
}

// changed writes another content of a message that is held.
func (e eraser) changed(ctx context.Context, message held, to wire.Message) (err error) {
	defer e.letGoUnwritten(ctx, message, &err)
	preview, err := e.previewOf(ctx, to)
	if err != nil {
		return err
	}
	_, err = e.reword(ctx, message.members, message.entry, to, preview)
	return err
}

// previewOf gives the preview of a message, with the name that its author has now, as nobody's token says it.
func (e eraser) previewOf(ctx context.Context, message wire.Message) (wire.Preview, error) {
	what, err := body.Of(message)
	if err != nil {
		return wire.Preview{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, membership.LookupTimeout)
	defer cancel()
	author, err := e.deps.Rooms.User(ctx, message.SenderID)
	switch {
	case errors.Is(err, membership.ErrUserNotFound) && message.Type == wire.SystemMessage: // of a backend that is nobody's user
		return what.Preview(authn.Principal{UserID: message.SenderID}.DisplayName()), nil
	case errors.Is(err, membership.ErrUserNotFound):
		return what.Preview(wire.DeletedName), nil
	case err != nil:
		return wire.Preview{}, fmt.Errorf("%w: %w", membership.ErrUnavailable, err)
	case author.DisplayName == "":
		return wire.Preview{}, fmt.Errorf("%w: it is of a version that says no names", membership.ErrUnavailable)
	}
	return what.Preview(author.DisplayName), nil
}

// audienceOf gives who is told of what becomes of a message of a deleted user: who is in the room. Of a room that has ended, or that rooms does not know,
// nobody is, and an event must name somebody: that is the user, as of the first membership, so that whoever has read the log knows better.
func (e eraser) audienceOf(ctx context.Context, entry store.Entry) (events.Membership, error) {
	room := entry.Message.RoomID
	members, err := e.members.Room(ctx, room)
	nobody := err == nil && !members.WholeRoom && len(members.Users) == 0
	if nobody || errors.Is(err, membership.ErrRoomNotFound) {
		alone := events.Audience{Users: []uuid.UUID{entry.Message.SenderID}, Version: 1}
		return events.Membership{RoomID: room, Audience: alone}, nil
	}
	return members, err
}

// Ends gives where the log ends.
func (e eraser) Ends() ([]int64, error) { return e.healer.Ends(events.TopicRooms, e.log.Partitions()) }

// Has reports whether the consumer group has come to these offsets.
func (e eraser) Has(ends []int64) (bool, error) {
	healed, err := e.healer.Committed(events.TopicRooms, len(ends))
	if err != nil {
		return false, err
	}
	for i, end := range ends {
		if healed[i] < end {
			return false, nil
		}
	}
	return true, nil
}

// Tell tells the receipt of an erasure.
func (e eraser) Tell(ctx context.Context, erased events.UserErased) error {
	headers, value, err := events.Encode(events.New(source, erased.FinishedAt.Time, erased))
	if err != nil {
		return fmt.Errorf("encode what was erased: %w", err)
	}
	_, err = e.appender.Append(ctx, bus.Record{Topic: erased.Topic(), Key: erased.PartitionKey(), Headers: headers, Value: value})
	if err != nil {
		return fmt.Errorf("tell what was erased: %w", err)
	}
	return nil
}
