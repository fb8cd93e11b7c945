// Package attachments finds the media that messages show, which the media service has.
package attachments

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
	"github.com/ism-chat/ism/libs/wire"
)

// Errors of [Find].
var (
	// ErrNotFound says that the room has no such medium of the sender's.
	ErrNotFound = errors.New("there is no such medium")
	// ErrNotReady says that the medium may be ready later.
	ErrNotReady = errors.New("the medium is not ready yet")
	// ErrRejected says that the medium will never be ready.
	ErrRejected = errors.New("the medium is rejected")
	// ErrUnavailable says that media does not answer now.
	ErrUnavailable = errors.New("media does not answer")
)

// Media is the media service.
type Media interface {
	// Medium tells of a medium that a sender is about to show in a room, and holds it for that if it is theirs. Errors: [ErrNotFound]; any other means that
	// media does not answer now.
	Medium(ctx context.Context, id, room, sender uuid.UUID) (events.MediaAnswer, error)
}

// Find gives a medium that a sender may show in a room: it has uploaded it there, and the medium is ready.
func Find(ctx context.Context, media Media, id, room, sender uuid.UUID) (events.MediaAnswer, error) {
	medium, err := media.Medium(ctx, id, room, sender)
	switch {
	case errors.Is(err, ErrNotFound):
		return events.MediaAnswer{}, err
	case err != nil:
		return events.MediaAnswer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case medium.RoomID != room || medium.UploaderID != sender:
		return events.MediaAnswer{}, ErrNotFound
	}
	switch medium.State {
	case wire.MediaReady:
		return medium, nil
	case wire.MediaPending, wire.MediaUploaded:
		return events.MediaAnswer{}, ErrNotReady
	case wire.MediaRejected:
		return events.MediaAnswer{}, ErrRejected
	case wire.MediaDeleted:
	}
	return events.MediaAnswer{}, ErrNotFound
}

// ClientConfig says where media is.
type ClientConfig struct {
	URL string `envconfig:"URL" default:"http://media:9403" desc:"internal listener of media, which is asked for what a message shows, for at most 1s"`
}

// Validate implements [config.Validator].
func (c ClientConfig) Validate() []config.Fault {
	return internalapi.Address(c.URL).Fault("URL", "http://media:9403")
}

const (
	maxConnections = 16 // to media
	// firstTry is how long the first of two tries may take: its connection may lead to where nobody is.
	firstTry = 300 * time.Millisecond

	mediumOf = "/internal/media/{media_id}"
)

// Client asks media over HTTP.
type Client struct {
	media *internalapi.Client
}

var _ Media = (*Client)(nil)

// NewClient makes a client that shows the credential. It connects when it is asked. Run it.
func NewClient(cfg ClientConfig, credential internalapi.Credential, tel *telemetry.Telemetry) *Client {
	return &Client{media: internalapi.New("media", internalapi.Address(cfg.URL), maxConnections, credential, tel)}
}

// Run closes the idle connections when ctx is done.
func (c *Client) Run(ctx context.Context) error { return c.media.Run(ctx) }

// Medium implements [Media], within the deadline of ctx.
func (c *Client) Medium(ctx context.Context, id, room, sender uuid.UUID) (medium events.MediaAnswer, err error) {
	unknown := func(err error) bool { return errors.Is(err, ErrNotFound) }
	err = internalapi.Twice(ctx, firstTry, unknown, func(ctx context.Context, number int) error {
		medium, err = c.try(ctx, number, id, "?roomId="+room.String()+"&senderId="+sender.String())
		return err
	})
	return medium, err
}

func (c *Client) try(ctx context.Context, number int, id uuid.UUID, shows string) (medium events.MediaAnswer, err error) {
	err = c.media.Ask(ctx, internalapi.Question{
		Method: http.MethodGet, Template: mediumOf, Path: "/internal/media/" + id.String() + shows,
		About: []attribute.KeyValue{attribute.String("ism.media.id", id.String())}, Try: number,
	}, &medium)
	var refusal *internalapi.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Code == "media-not-found":
		return medium, ErrNotFound
	case err != nil:
		return medium, err
	case medium.ID != id:
		return medium, fmt.Errorf("media answered for medium %s", medium.ID)
	}
	return medium, nil
}
