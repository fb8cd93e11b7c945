// Package follow has media go the way of what they belong to: messages, rooms and users, by the logs ism.rooms and ism.users.
//
// # State
//
// All of it is in the store. What a record says can be taken again, also long after what followed it: a use has its position in the log, a message that was
// deleted, a room that has ended and a user who was deleted stay so.
//
// # What costs nothing
//
// Most records are messages without media. They are told by their bytes, without being decoded, and the store is not asked.
package follow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

const (
	// batch is how many media are deleted in one transaction.
	batch = 100
	// overtaken is how much older than a room's image another one is that was certainly announced before it, or never: what takes longer has failed.
	overtaken = 5 * time.Second
	// announced is how long before an image of somebody else's was announced those of ours are that were announced before. It also covers clocks that differ.
	announced = 30 * time.Second
)

// Store is what follows.
type Store interface {
	Refer(ctx context.Context, medium, message uuid.UUID, position events.Position, expires time.Time) error
	Unrefer(ctx context.Context, message uuid.UUID) error
	DeleteRoom(ctx context.Context, room uuid.UUID, limit int) (deleted int, more bool, err error)
	DeleteUser(ctx context.Context, user, erasure uuid.UUID, at time.Time, limit int) (deleted int, more bool, err error)
	RoomImages(ctx context.Context, room uuid.UUID, limit int) ([]store.Media, error)
	Delete(ctx context.Context, id uuid.UUID, reason string) (store.Media, error)
}

// Follower takes records. It is safe for concurrent use.
type Follower struct {
	store   Store
	tracing bus.Tracing
}

// New makes a Follower.
func New(s Store, tracing bus.Tracing) *Follower { return &Follower{s, tracing} }

// concerning says of which records media follow: the beginning of an event's type, and what such a record has if it concerns media. No text of a user's can
// have the latter, as JSON escapes its quotes.
var concerning = []struct {
	kind string
	has  []byte // nil: each does
}{
	{kindOf(events.MessagePosted{}), []byte(`"mediaId"`)},
	{kindOf(events.MessageEdited{}), []byte(`"mediaId"`)},
	{kindOf(events.MessageDeleted{}), []byte(`"` + wire.Media + `"`)}, // nothing but the type is left
	{kindOf(events.MembershipChanged{}), []byte(`"ended"`)},
	{kindOf(events.RoomEnded{}), nil},
	{kindOf(events.RoomChanged{}), nil},
	{kindOf(events.UserDeleted{}), nil},
}

func kindOf(data events.Data) string { return "ism." + data.EventName() + ".v" }

func concernsMedia(record bus.Record) bool {
	kind := record.Headers[events.HeaderType]
	for _, c := range concerning {
		if strings.HasPrefix(kind, c.kind) {
			return c.has == nil || bytes.Contains(record.Value, c.has)
		}
	}
	return false
}

// Take takes records of one partition. It is a [bus.Handler]. A record that is no event, or that the store never takes, is [bus.ErrRejected].
func (f *Follower) Take(ctx context.Context, records []bus.Record) error {
	for _, record := range records {
		if !concernsMedia(record) {
			continue
		}
		traced, span := f.tracing.Process(ctx, record)
		err := f.take(traced, record)
		bus.EndSpan(span, err)
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Follower) take(ctx context.Context, record bus.Record) error {
	event, err := events.Decode(record.Headers, record.Value)
	switch {
	case errors.Is(err, events.ErrUnknownType):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	if err = f.follow(ctx, event, positionOf(record)); errors.Is(err, store.ErrUnstorable) {
		return fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	return err
}

// positionOf is where a record is in its log. Builds that say no epoch have written the first.
func positionOf(record bus.Record) events.Position {
	if at, known := events.PositionOf(record.Headers, record.Offset); known {
		return at
	}
	return events.Position{Offset: record.Offset}
}

func (f *Follower) follow(ctx context.Context, event events.Event, at events.Position) error {
	switch data := event.Data.(type) {
	case events.MessagePosted:
		return f.refer(ctx, data.Message, at, data.Expires)
	case events.MessageEdited:
		return f.refer(ctx, data.Message, at, data.Expires)
	case events.MessageDeleted:
		if data.Message.Type != wire.Media {
			return nil
		}
		return doing("take a deleted message from its medium", f.store.Unrefer(ctx, data.Message.ID))
	case events.MembershipChanged:
		if !data.Ended {
			return nil
		}
		return f.endRoom(ctx, data.RoomID)
	case events.RoomEnded:
		return f.endRoom(ctx, data.RoomID)
	case events.RoomChanged:
		return f.replace(ctx, data, event.Time)
	case events.UserDeleted:
		return f.eraseUser(ctx, data, event.Time)
	}
	return nil
}

// doing says what was being done.
func doing(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// refer notes that a message uses a medium. A message that quotes one uses none: it is gone with the message that is quoted.
func (f *Follower) refer(ctx context.Context, message wire.Message, at events.Position, expires *wire.Time) error {
	if message.Type != wire.Media {
		return nil
	}
	var body wire.MediaBody
	if err := json.Unmarshal(message.Body, &body); err != nil {
		return fmt.Errorf("%w: the body of message %s: %w", bus.ErrRejected, message.ID, err)
	}
	if body.ID == uuid.Nil {
		return nil
	}
	var until time.Time
	if expires != nil {
		until = expires.Time
	}
	return doing("note that a message uses a medium", f.store.Refer(ctx, body.ID, message.ID, at, until))
}

// endRoom deletes the media of a room. What fails midway goes on where it was when the record is taken again.
func (f *Follower) endRoom(ctx context.Context, room uuid.UUID) error {
	for more := true; more; {
		var err error
		if _, more, err = f.store.DeleteRoom(ctx, room, batch); err != nil {
			return fmt.Errorf("delete the media of a room that has ended: %w", err)
		}
	}
	return nil
}

// eraseUser deletes the media of a user. The store tells the receipt.
func (f *Follower) eraseUser(ctx context.Context, deleted events.UserDeleted, at time.Time) error {
	for more := true; more; {
		var err error
		if _, more, err = f.store.DeleteUser(ctx, deleted.UserID, deleted.ErasureID, at, batch); err != nil {
			return fmt.Errorf("delete the media of a deleted user: %w", err)
		}
	}
	return nil
}

// replace deletes the images of a room that it does not have any more. One that somebody else uploads at the same time may be announced yet: so those that
// are hardly older than the room's own stay, until the next change.
func (f *Follower) replace(ctx context.Context, changed events.RoomChanged, at time.Time) error {
	shown := imageOf(changed)
	for {
		images, err := f.store.RoomImages(ctx, changed.RoomID, batch)
		if err != nil {
			return fmt.Errorf("look for the images of a room: %w", err)
		}
		before, deleted := at.Add(-announced), 0
		for _, image := range images {
			if image.ID == shown {
				before = image.CreatedAt.Add(-overtaken)
			}
		}
		for _, image := range images {
			if image.ID == shown || !image.CreatedAt.Before(before) {
				continue
			}
			if _, err := f.store.Delete(ctx, image.ID, store.ReasonReplaced); err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("delete an image that a room has no more: %w", err)
			}
			deleted++
		}
		if deleted == 0 || len(images) < batch {
			return nil
		}
	}
}

// imageOf is the medium that is a room's image, by its URL: …/api/media/rooms/ROOM/MEDIUM.jpg. uuid.Nil: it is none of ours, or there is none.
func imageOf(changed events.RoomChanged) uuid.UUID {
	if changed.Room.ImageURL == nil {
		return uuid.Nil
	}
	at, err := url.Parse(*changed.Room.ImageURL)
	if err != nil {
		return uuid.Nil
	}
	_, name, ours := strings.Cut(at.Path, "/api/media/rooms/"+changed.RoomID.String()+"/")
	name, isPicture := strings.CutSuffix(name, ".jpg")
	id, err := uuid.Parse(name)
	if !ours || !isPicture || err != nil {
		return uuid.Nil
	}
	return id
}
