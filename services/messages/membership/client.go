package membership

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

// ClientConfig says where rooms is.
type ClientConfig struct {
	URL     string        `envconfig:"URL" default:"http://rooms:9403" desc:"internal listener of rooms, which is asked for a room's members"`
	Timeout time.Duration `envconfig:"TIMEOUT" default:"250ms" desc:"deadline of the first try of a question to rooms, at most 1.5s; it is asked again, with twice the time, and then until 1.5s are over"`
}

// Validate implements [config.Validator].
func (c ClientConfig) Validate() []config.Fault {
	faults := internalapi.Address(c.URL).Fault("URL", "http://rooms:9403")
	if c.Timeout <= 0 || c.Timeout > LookupTimeout {
		faults = append(faults, config.Fault{Variable: "TIMEOUT", Problem: fmt.Sprintf("must be above 0 and at most %s, the deadline of all tries together", LookupTimeout)})
	}
	return faults
}

// Templates of the paths that are asked for.
const (
	membersOf  = "/internal/rooms/{room_id}/members"
	standingOf = "/internal/rooms/{room_id}/members/{user_id}"
	userOf     = "/internal/users/{user_id}"
)

const maxConnections = 64 // to rooms

// Client asks rooms over HTTP.
type Client struct {
	rooms *internalapi.Client
	tries tries
}

var _ Rooms = (*Client)(nil)

// NewClient makes a client that shows the credential. It connects when it is asked. Run it.
func NewClient(cfg ClientConfig, credential internalapi.Credential, tel *telemetry.Telemetry) *Client {
	return &Client{
		rooms: internalapi.New("rooms", internalapi.Address(cfg.URL), maxConnections, credential, tel),
		tries: tries{first: cfg.Timeout},
	}
}

// Run closes the idle connections when ctx is done.
func (c *Client) Run(ctx context.Context) error { return c.rooms.Run(ctx) }

// Membership implements [Rooms].
func (c *Client) Membership(ctx context.Context, room uuid.UUID) (events.Membership, error) {
	var answer events.MembershipAnswer
	if err := c.ask(ctx, telemetry.RoomID(room), membersOf, "/internal/rooms/"+room.String()+"/members", &answer); err != nil {
		return events.Membership{}, err
	}
	members := answer.Read()
	if members.RoomID != room || members.Version < 1 {
		return events.Membership{}, fmt.Errorf("rooms answered for room %s, version %d", members.RoomID, members.Version)
	}
	return members, nil
}

// Standing implements [Rooms].
func (c *Client) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	var standing events.Standing
	if err := c.ask(ctx, telemetry.RoomID(room), standingOf, "/internal/rooms/"+room.String()+"/members/"+user.String(), &standing); err != nil {
		return events.Standing{}, err
	}
	if standing.RoomID != room || standing.UserID != user || standing.Version < 1 {
		return events.Standing{}, fmt.Errorf("rooms answered for room %s and user %s, version %d", standing.RoomID, standing.UserID, standing.Version)
	}
	return standing, nil
}

// User implements [Rooms].
func (c *Client) User(ctx context.Context, user uuid.UUID) (events.UserAnswer, error) {
	var known events.UserAnswer
	if err := c.ask(ctx, semconv.UserID(user.String()), userOf, "/internal/users/"+user.String(), &known); err != nil {
		return events.UserAnswer{}, err
	}
	if known.ID != user {
		return events.UserAnswer{}, fmt.Errorf("rooms answered for user %s", known.ID)
	}
	return known, nil
}

// ask asks at a path, of which the template is for spans, until there is an answer, and decodes it. Errors: [ErrRoomNotFound], [ErrUserNotFound].
func (c *Client) ask(ctx context.Context, about attribute.KeyValue, template, path string, answer any) error {
	return c.tries.ask(ctx, func(ctx context.Context, number int) error {
		err := c.rooms.Ask(ctx, internalapi.Question{
			Method: http.MethodGet, Template: template, Path: path, About: []attribute.KeyValue{about}, Try: number,
		}, answer)
		return found(err)
	})
}

// found tells a room or a user that does not exist from a listener that is not rooms'.
func found(err error) error {
	var refusal *internalapi.Refusal
	if !errors.As(err, &refusal) || refusal.Status != http.StatusNotFound {
		return err
	}
	switch refusal.Code {
	case "room-not-found":
		return ErrRoomNotFound
	case "user-not-found":
		return ErrUserNotFound
	default:
		return fmt.Errorf("there is no such endpoint of rooms: %w", err)
	}
}
