package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Source is the CloudEvents source of all that rooms tells.
const Source = "/ism/rooms"

// MaxEvent is the largest value of an event, bytes: below what Kafka's brokers take by default, so that no row of the
// outbox can block those behind it for ever.
const MaxEvent = 900_000

// Outgoing is a row of the outbox: a record of the log that is to be.
type Outgoing struct {
	Row     int64 // given by the store
	Topic   string
	Key     string
	Headers map[string]string
	Value   []byte
	At      time.Time
}

// NewOutgoing makes the row that tells of data. Its event has its id from here on, however often the row is relayed, and
// belongs to the trace of ctx. Errors: [ErrTooLarge].
func NewOutgoing(ctx context.Context, propagator propagation.TextMapPropagator, at time.Time, data events.Data) (Outgoing, error) {
	event := events.New(Source, at, data)
	headers, value, err := events.Encode(event)
	if err != nil {
		return Outgoing{}, fmt.Errorf("encode event for the outbox: %w", err)
	}
	if len(value) > MaxEvent {
		return Outgoing{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(value))
	}
	propagator.Inject(ctx, propagation.MapCarrier(headers))
	return Outgoing{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, At: event.Time}, nil
}

// Pair gives the users of a Single room in the order in which the store keeps them.
func (r NewRoom) Pair() (low, high uuid.UUID) { return Pair(r.Users[0], r.Users[1]) }

// Pair orders two users by their bytes.
func Pair(a, b uuid.UUID) (low, high uuid.UUID) {
	if string(a[:]) < string(b[:]) {
		return a, b
	}
	return b, a
}

// Created is the event of the room's creation. It fails with [UnknownUsersError] where users lacks one of the room's.
func (r NewRoom) Created(users []User) (events.RoomCreated, error) {
	known := make(map[uuid.UUID]User, len(users))
	for _, user := range users {
		known[user.ID] = user
	}
	var unknown []uuid.UUID
	members := make([]wire.Member, 0, len(r.Users))
	for _, id := range r.Users {
		user, ok := known[id]
		if !ok {
			unknown = append(unknown, id)
			continue
		}
		members = append(members, wire.Member{
			ID: id, DisplayName: user.DisplayName, ProfilePicture: user.Picture, JoinedAt: r.At, Status: wire.Joined,
		})
	}
	if len(unknown) > 0 {
		return events.RoomCreated{}, UnknownUsersError{IDs: unknown}
	}
	preview := wire.NewRoomPreview()
	return events.RoomCreated{
		RoomID:    r.ID,
		CreatedBy: r.Creator,
		Room: wire.Room{
			ID: r.ID, Type: r.Type, Name: r.Name, CreatedAt: r.At, LatestMessage: r.At, Unread: true, LatestMessageText: &preview,
		},
		Members:  members,
		Audience: events.Audience{Users: r.Users, Version: 1},
	}, nil
}

// Read is the event of a read mark.
func Read(room, user uuid.UUID, at time.Time, audience events.Audience) events.RoomRead {
	return events.RoomRead{RoomID: room, UserID: user, ReadAt: at, Audience: audience}
}

// Fold reduces messages to what remains of them: the newest of each room, and the newest read mark of each sender there.
func Fold(messages []Posted) (newest []Posted, marks []ReadMark) {
	type sender struct{ room, user uuid.UUID }
	roomAt := map[uuid.UUID]int{}
	markAt := map[sender]int{}
	for _, message := range messages {
		if i, ok := roomAt[message.RoomID]; !ok {
			roomAt[message.RoomID] = len(newest)
			newest = append(newest, message)
		} else if newest[i].Position.Compare(message.Position) < 0 {
			newest[i] = message
		}
		by := sender{message.RoomID, message.SenderID}
		if i, ok := markAt[by]; !ok {
			markAt[by] = len(marks)
			marks = append(marks, ReadMark{RoomID: message.RoomID, UserID: message.SenderID, At: message.At})
		} else if marks[i].At.Before(message.At) {
			marks[i].At = message.At
		}
	}
	return newest, marks
}

// ReadMark says up to when a member has read a room.
type ReadMark struct {
	RoomID, UserID uuid.UUID
	At             time.Time
}
