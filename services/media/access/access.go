// Package access decides who may upload to a room and who may download what is in it: rooms knows who is in a room, and messages who may read a message
// that shows a medium.
package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

var (
	// ErrNotFound says that there is no such room, message or medium for the user.
	ErrNotFound = errors.New("there is none for the user")
	// ErrSingleRoom says that a room of two has no picture of its own.
	ErrSingleRoom = errors.New("a Single room has no picture of its own")
	// ErrRooms says that rooms does not answer now.
	ErrRooms = errors.New("rooms does not answer")
	// ErrMessages says that messages does not answer now.
	ErrMessages = errors.New("messages does not answer")
)

// Rooms is the rooms service.
type Rooms interface {
	// Standing tells how a user stands to a room. Errors: [ErrNotFound], also of who was never in it; any other means that rooms does not answer now.
	Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error)
	// SetPicture gives a room a picture. Errors: [ErrNotFound], [ErrSingleRoom]; any other means that rooms does not answer now.
	SetPicture(ctx context.Context, picture events.RoomPicture) error
}

// Messages is the messages service.
type Messages interface {
	// Reads reports by an error whether a user may read a message. Errors: [ErrNotFound]; any other means that messages does not answer now.
	Reads(ctx context.Context, room, message, user uuid.UUID) error
}

// Access decides. It is safe for concurrent use.
type Access struct {
	rooms    Rooms
	messages Messages
}

// New makes an Access.
func New(rooms Rooms, messages Messages) *Access { return &Access{rooms: rooms, messages: messages} }

// Upload reports by an error whether a user may upload to a room: members may. Errors: [ErrNotFound], [ErrRooms].
func (a *Access) Upload(ctx context.Context, room, user uuid.UUID) error {
	standing, err := a.standing(ctx, room, user)
	if err == nil && standing.Status != wire.Joined {
		err = ErrNotFound
	}
	return err
}

// Download reports by an error whether a user may download what some messages of a room show, the newest first: a member may who sees all of the room, and
// anybody else who may read one of the messages. Where none is known, which may be as the newest has just been sent, any member may: nobody else than the
// uploader knows a medium before it is sent. Errors: [ErrNotFound], [ErrRooms], [ErrMessages].
func (a *Access) Download(ctx context.Context, room, user uuid.UUID, messages []uuid.UUID) error {
	standing, err := a.standing(ctx, room, user)
	switch {
	case err != nil:
		return err
	case standing.Status == wire.Joined && (standing.From == nil || len(messages) == 0):
		return nil
	}
	for _, message := range messages {
		if err = a.reads(ctx, room, message, user); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return ErrNotFound
}

// SetPicture gives a room a picture. Errors: [ErrNotFound], [ErrSingleRoom], [ErrRooms].
func (a *Access) SetPicture(ctx context.Context, picture events.RoomPicture) error {
	err := a.rooms.SetPicture(ctx, picture)
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrSingleRoom) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRooms, err)
}

func (a *Access) standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	standing, err := a.rooms.Standing(ctx, room, user)
	if err == nil || errors.Is(err, ErrNotFound) {
		return standing, err
	}
	return standing, fmt.Errorf("%w: %w", ErrRooms, err)
}

func (a *Access) reads(ctx context.Context, room, message, user uuid.UUID) error {
	err := a.messages.Reads(ctx, room, message, user)
	if err == nil || errors.Is(err, ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrMessages, err)
}
