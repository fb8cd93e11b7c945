package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
)

// ClientConfig says where rooms is.
type ClientConfig struct {
	URL     string        `envconfig:"URL" default:"http://rooms:9403" desc:"internal listener of rooms, which is asked for a room's members"`
	Timeout time.Duration `envconfig:"TIMEOUT" default:"250ms" desc:"deadline of the first try of a question to rooms, at most 1.5s; it is asked again, with twice the time, and then until 1.5s are over"`
}

// Validate implements [config.Validator].
func (c ClientConfig) Validate() []config.Fault {
	var faults []config.Fault
	if at, err := url.Parse(c.URL); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		faults = append(faults, config.Fault{Variable: "URL", Problem: "must be an http or https URL, for example http://rooms:9403"})
	}
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

const (
	maxConnections = 64 // to rooms
	// maxAnswer is far more than an answer takes, bytes: it names a hundred users, or a thousand of a room that has been large for longer than
	// large rooms are told apart.
	maxAnswer = 1 << 20
)

// Client asks rooms over HTTP.
type Client struct {
	base       string
	server     []attribute.KeyValue // where it is, for spans
	tries      tries
	http       *http.Client
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

var _ Rooms = (*Client)(nil)

// NewClient makes a client. It connects when it is asked. Run it.
func NewClient(cfg ClientConfig, tel *telemetry.Telemetry) *Client {
	return &Client{
		base:   strings.TrimRight(cfg.URL, "/"),
		server: serverOf(cfg.URL),
		tries:  tries{first: cfg.Timeout},
		http: &http.Client{Transport: &http.Transport{
			MaxConnsPerHost:     maxConnections,
			MaxIdleConnsPerHost: maxConnections,
			IdleConnTimeout:     30 * time.Second,
		}},
		tracer:     tel.Tracer.Tracer("github.com/ism-chat/ism/services/messages/membership"),
		propagator: tel.Propagator,
	}
}

func serverOf(base string) []attribute.KeyValue {
	at, err := url.Parse(base)
	if err != nil {
		return nil
	}
	server := []attribute.KeyValue{semconv.ServerAddress(at.Hostname())}
	if port, err := strconv.Atoi(at.Port()); err == nil {
		server = append(server, semconv.ServerPort(port))
	}
	return server
}

// Run closes the idle connections when ctx is done.
func (c *Client) Run(ctx context.Context) error {
	<-ctx.Done()
	c.http.CloseIdleConnections()
	return nil
}

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
		ctx, span := c.tracer.Start(ctx, "GET "+template, trace.WithSpanKind(trace.SpanKindClient))
		defer span.End()
		if span.IsRecording() {
			span.SetAttributes(semconv.HTTPRequestMethodGet, semconv.URLTemplate(template), about)
			span.SetAttributes(c.server...)
			if number > 1 {
				span.SetAttributes(semconv.HTTPRequestResendCount(number - 1))
			}
		}
		err := c.get(ctx, path, span, answer)
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		if errors.Is(err, context.DeadlineExceeded) {
			c.http.CloseIdleConnections() // they may lead to where nobody is, as the one that was used
		}
		return err
	})
}

func (c *Client) get(ctx context.Context, path string, span trace.Span, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("make question to rooms: %w", err)
	}
	c.propagator.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask rooms: %w", err)
	}
	defer response.Body.Close()
	span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer of rooms: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return c.notFound(body)
	default:
		return fmt.Errorf("rooms answered with status %d", response.StatusCode)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("decode answer of rooms: %w", err)
	}
	return nil
}

// notFound tells a room or a user that does not exist from a listener that is not rooms'.
func (c *Client) notFound(body []byte) error {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(body, &problem) // what is no problem has no code
	switch problem.Code {
	case "room-not-found":
		return ErrRoomNotFound
	case "user-not-found":
		return ErrUserNotFound
	default:
		return fmt.Errorf("%s has no such endpoint of rooms", c.base)
	}
}
