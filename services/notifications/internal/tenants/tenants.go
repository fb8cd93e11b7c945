// Package tenants asks rooms of which tenants users are.
package tenants

import (
	"bytes"
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

// Config says where rooms is.
type Config struct {
	URL string `envconfig:"URL" default:"http://rooms:9403" desc:"internal listener of rooms, which is asked of which tenants users are, for at most 1s"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	if at, err := url.Parse(c.URL); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		return []config.Fault{{Variable: "URL", Problem: "must be an http or https URL, for example http://rooms:9403"}}
	}
	return nil
}

const (
	path = "/internal/users/tenants"

	maxConnections = 16 // to rooms
	// maxAnswer is far more than a thousand users take, bytes.
	maxAnswer = 1 << 20

	// firstTry is how long the first of two tries may take: its connection may lead to where nobody is.
	firstTry = 400 * time.Millisecond
)

// Client asks rooms over HTTP.
type Client struct {
	base       string
	server     []attribute.KeyValue // where it is, for spans
	http       *http.Client
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// NewClient makes a client. It connects when it is asked. Run it.
func NewClient(cfg Config, tel *telemetry.Telemetry) *Client {
	return &Client{
		base:   strings.TrimRight(cfg.URL, "/"),
		server: serverOf(cfg.URL),
		http: &http.Client{Transport: &http.Transport{
			MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: 30 * time.Second,
		}},
		tracer:     tel.Tracer.Tracer("github.com/ism-chat/ism/services/notifications/internal/tenants"),
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

// Tenants gives the tenants of those of at most [events.MostUsersAsked] users that there are. An error means that rooms does not answer now, within the
// deadline of ctx.
func (c *Client) Tenants(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error) {
	question, err := json.Marshal(events.UsersQuestion{Users: users})
	if err != nil {
		return nil, fmt.Errorf("encode question to rooms: %w", err)
	}
	first, cancel := context.WithTimeout(ctx, firstTry)
	answer, err := c.try(first, 1, question)
	cancel()
	if err != nil && ctx.Err() == nil {
		answer, err = c.try(ctx, 2, question)
	}
	if err != nil {
		return nil, err
	}
	tenants := make(map[uuid.UUID]string, len(answer.Users))
	for _, user := range answer.Users {
		tenants[user.ID] = user.Tenant
	}
	return tenants, nil
}

// try asks once.
func (c *Client) try(ctx context.Context, number int, question []byte) (events.UsersAnswer, error) {
	ctx, span := c.tracer.Start(ctx, "POST "+path, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPRequestMethodPost, semconv.URLTemplate(path))
		span.SetAttributes(c.server...)
		if number > 1 {
			span.SetAttributes(semconv.HTTPRequestResendCount(number - 1))
		}
	}
	answer, err := c.ask(ctx, span, question)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		c.http.CloseIdleConnections() // they may lead to where nobody is, as the one that was used
	}
	return answer, err
}

func (c *Client) ask(ctx context.Context, span trace.Span, question []byte) (answer events.UsersAnswer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(question))
	if err != nil {
		return answer, fmt.Errorf("make question to rooms: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	c.propagator.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := c.http.Do(request)
	if err != nil {
		return answer, fmt.Errorf("ask rooms: %w", err)
	}
	defer response.Body.Close()
	span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return answer, fmt.Errorf("read answer of rooms: %w", err)
	case response.StatusCode != http.StatusOK:
		return answer, fmt.Errorf("rooms answered with status %d", response.StatusCode)
	}
	var read struct{ Users *[]events.UserAnswer }
	if err := json.Unmarshal(body, &read); err != nil {
		return answer, fmt.Errorf("decode answer of rooms: %w", err)
	}
	if read.Users == nil { // it is not rooms: nobody must be taken for unknown by it
		return answer, errors.New("decode answer of rooms: it has no users")
	}
	return events.UsersAnswer{Users: *read.Users}, nil
}
