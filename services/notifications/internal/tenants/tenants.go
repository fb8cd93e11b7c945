// Package tenants asks rooms about users: of which tenants they are, and what they have not read.
package tenants

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config says where rooms is.
type Config struct {
	URL string `envconfig:"URL" default:"http://rooms:9403" desc:"internal listener of rooms, which is asked of which tenants users are, for at most 1s"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	return internalapi.Address(c.URL).Fault("URL", "http://rooms:9403")
}

const (
	path     = "/internal/users/tenants"
	unreadOf = "/internal/users/{user_id}/unread"

	maxConnections = 16 // to rooms

	// firstTry is how long the first of two tries may take: its connection may lead to where nobody is.
	firstTry = 400 * time.Millisecond
)

// Client asks rooms over HTTP.
type Client struct {
	rooms *internalapi.Client
}

// NewClient makes a client that shows the credential. It connects when it is asked. Run it.
func NewClient(cfg Config, credential internalapi.Credential, tel *telemetry.Telemetry) *Client {
	return &Client{rooms: internalapi.New("rooms", internalapi.Address(cfg.URL), maxConnections, credential, tel)}
}

// Run closes the idle connections when ctx is done.
func (c *Client) Run(ctx context.Context) error { return c.rooms.Run(ctx) }

// Tenants gives the tenants of those of at most [events.MostUsersAsked] users that there are. An error means that rooms does not answer now, within the
// deadline of ctx.
func (c *Client) Tenants(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error) {
	var known []events.UserAnswer
	never := func(error) bool { return false }
	err := internalapi.Twice(ctx, firstTry, never, func(ctx context.Context, number int) (err error) {
		known, err = c.try(ctx, number, users)
		return err
	})
	if err != nil {
		return nil, err
	}
	tenants := make(map[uuid.UUID]string, len(known))
	for _, user := range known {
		tenants[user.ID] = user.Tenant
	}
	return tenants, nil
}

// Unread gives what a user has not read, within the deadline of ctx. It is asked once: whoever asks can do without.
func (c *Client) Unread(ctx context.Context, user uuid.UUID) (unread events.UnreadAnswer, err error) {
	err = c.rooms.Ask(ctx, internalapi.Question{
		Method: http.MethodGet, Template: unreadOf, Path: "/internal/users/" + user.String() + "/unread", About: []attribute.KeyValue{semconv.UserID(user.String())}, Try: 1,
	}, &unread)
	if err == nil && unread.UserID != user {
		err = fmt.Errorf("rooms answered for user %s", unread.UserID)
	}
	return unread, err
}

func (c *Client) try(ctx context.Context, number int, users []uuid.UUID) ([]events.UserAnswer, error) {
	var answer struct{ Users *[]events.UserAnswer }
	question := internalapi.Question{Method: http.MethodPost, Template: path, Path: path, Body: events.UsersQuestion{Users: users}, Try: number}
	if err := c.rooms.Ask(ctx, question, &answer); err != nil {
		return nil, err
	}
	if answer.Users == nil { // it is not rooms: nobody must be taken for unknown by it
		return nil, errors.New("decode answer of rooms: it has no users")
	}
	return *answer.Users, nil
}
