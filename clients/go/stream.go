package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// StreamEvent is one server-sent event.
type StreamEvent struct {
	ID   string          // where to resume behind it
	Type string          // ChatMessage, NewRoom, Resync, …, or one that this client does not know
	Data json.RawMessage // the whole object
	At   time.Time       // when it was read
}

// Stream is an open event stream. Next must be called by one goroutine at a time; Close ends it from any. It ends when its connection does:
// [Client.Follow] goes on.
type Stream struct {
	body   io.Closer
	lines  *bufio.Reader
	cancel context.CancelFunc
	idLine string // the newest id line, which counts from the end of its event on
	lastID string
	retry  time.Duration
	blocks int // that have been read whole
}

// Stream opens the caller's event stream, behind the given event id or, with "", from now. It returns once the server has
// sent its first line, from where on nothing that happens is missed. The stream lives until Close, the end of ctx or the
// server's end of it.
func (c *Client) Stream(ctx context.Context, lastEventID string) (*Stream, error) {
	request, err := c.request(ctx, http.MethodGet, "/api/sse", nil)
	if err != nil {
		return nil, err
	}
	return c.open(request, lastEventID, unwatched)
}

// StreamByTicket is [Client.Stream] for whoever has a ticket. A ticket opens one stream.
func (c *Client) StreamByTicket(ctx context.Context, ticket, lastEventID string) (*Stream, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/sse?ticket="+url.QueryEscape(ticket), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	return c.open(request, lastEventID, unwatched)
}

func unwatched(body io.Reader) io.Reader { return body }

// open opens a stream whose body is read through what watches it.
func (c *Client) open(request *http.Request, lastEventID string, watch func(io.Reader) io.Reader) (*Stream, error) {
	ctx, cancel := context.WithCancel(request.Context())
	request = request.WithContext(ctx)
	request.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := c.do(request)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open stream: %w", err)
	}
	if err := noStream(response); err != nil {
		_ = response.Body.Close()
		cancel()
		return nil, err
	}
	lines := bufio.NewReaderSize(watch(response.Body), 4<<10)
	stream := &Stream{body: response.Body, lines: lines, cancel: cancel, idLine: lastEventID, lastID: lastEventID}
	if _, err := stream.lines.Peek(1); err != nil {
		stream.Close()
		return nil, fmt.Errorf("open stream: %w", &unreached{cause: err, sent: true})
	}
	return stream, nil
}

// noStream is why an answer is no event stream; nil where it is one.
func noStream(response *http.Response) error {
	if response.StatusCode/100 != 2 {
		return refusal(response)
	}
	if response.StatusCode == http.StatusOK && strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 200)) // how it begins
	return fmt.Errorf("open stream: %w", badAnswer(response, body, "it is no event stream"))
}

// LastEventID is where to resume: the newest id that the server has sent, also without an event.
func (s *Stream) LastEventID() string { return s.lastID }

// Retry is how long the server asks to wait before reconnecting, 0 if it has not said.
func (s *Stream) Retry() time.Duration { return s.retry }

// Close ends the stream.
func (s *Stream) Close() {
	s.cancel()
	_ = s.body.Close()
}
