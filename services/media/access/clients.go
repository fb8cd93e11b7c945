package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// RoomsConfig says where rooms is.
type RoomsConfig struct {
	URL string `envconfig:"URL" default:"http://rooms:9403" desc:"internal listener of rooms, which is asked who is in a room, for at most 1s"`
}

// Validate implements [config.Validator].
func (c RoomsConfig) Validate() []config.Fault {
	return internalapi.Address(c.URL).Fault("URL", "http://rooms:9403")
}

// MessagesConfig says where messages is.
type MessagesConfig struct {
	URL string `envconfig:"URL" default:"http://messages:9403" desc:"internal listener of messages, which is asked who may read a message, for at most 1s"`
}

// Validate implements [config.Validator].
func (c MessagesConfig) Validate() []config.Fault {
	return internalapi.Address(c.URL).Fault("URL", "http://messages:9403")
}

const (
	maxConnections = 32 // to each of them
	// Timeout is that of all tries together.
	Timeout = time.Second
	// firstTry is how long the first of two tries may take: its connection may lead to where nobody is.
	firstTry = 400 * time.Millisecond

	standingOf = "/internal/rooms/{room_id}/members/{user_id}"
	pictureOf  = "/internal/rooms/{room_id}/picture"
	readerOf   = "/internal/rooms/{room_id}/messages/{message_id}/readers/{user_id}"
)

// asker asks a service twice at most.
type asker struct{ *internalapi.Client }

func (a asker) ask(ctx context.Context, question internalapi.Question, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	return internalapi.Twice(ctx, firstTry, settled, func(ctx context.Context, number int) error {
		question.Try = number
		return known(a.Ask(ctx, question, answer))
	})
}

func settled(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrSingleRoom) }

// known gives what a refusal says: other codes may be of who is not the service.
func known(err error) error {
	var refusal *internalapi.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Code {
	case "room-not-found", "message-not-found":
		return ErrNotFound
	case "single-room":
		return ErrSingleRoom
	default:
		return err
	}
}

// RoomsClient asks rooms over HTTP.
type RoomsClient struct{ asker }

var _ Rooms = RoomsClient{}

// NewRoomsClient makes a client. It connects when it is asked. Run it.
func NewRoomsClient(cfg RoomsConfig, credential internalapi.Credential, tel *telemetry.Telemetry) RoomsClient {
	return RoomsClient{asker{internalapi.New("rooms", internalapi.Address(cfg.URL), maxConnections, credential, tel)}}
}

// Standing implements [Rooms].
func (c RoomsClient) Standing(ctx context.Context, room, user uuid.UUID) (standing events.Standing, err error) {
	err = c.ask(ctx, internalapi.Question{
		Method: http.MethodGet, Template: standingOf, Path: fmt.Sprintf("/internal/rooms/%s/members/%s", room, user),
		About: []attribute.KeyValue{telemetry.RoomID(room)},
	}, &standing)
	if err == nil && (standing.RoomID != room || standing.UserID != user || standing.Version < 1) {
		err = fmt.Errorf("rooms answered for room %s and user %s, version %d", standing.RoomID, standing.UserID, standing.Version)
	}
	return standing, err
}

// SetPicture implements [Rooms].
func (c RoomsClient) SetPicture(ctx context.Context, picture events.RoomPicture) error {
	return c.ask(ctx, internalapi.Question{
		Method: http.MethodPut, Template: pictureOf, Path: fmt.Sprintf("/internal/rooms/%s/picture", picture.RoomID), Body: picture,
		About: []attribute.KeyValue{telemetry.RoomID(picture.RoomID)},
	}, nil)
}

// MessagesClient asks messages over HTTP.
type MessagesClient struct{ asker }

var _ Messages = MessagesClient{}

// NewMessagesClient makes a client. It connects when it is asked. Run it.
func NewMessagesClient(cfg MessagesConfig, credential internalapi.Credential, tel *telemetry.Telemetry) MessagesClient {
	return MessagesClient{asker{internalapi.New("messages", internalapi.Address(cfg.URL), maxConnections, credential, tel)}}
}

// Reads implements [Messages].
func (c MessagesClient) Reads(ctx context.Context, room, message, user uuid.UUID) error {
	return c.ask(ctx, internalapi.Question{
		Method: http.MethodGet, Template: readerOf, Path: fmt.Sprintf("/internal/rooms/%s/messages/%s/readers/%s", room, message, user),
		About: []attribute.KeyValue{telemetry.RoomID(room)},
	}, nil)
}
