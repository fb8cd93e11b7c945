package client

import (
	"bufio"
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
)

// StreamEvent is one server-sent event.
type StreamEvent struct {
	ID   string          // where to resume behind it
	Type string          // ChatMessage, NewRoom, Resync, …
	Data json.RawMessage // the whole object
	At   time.Time       // when it was read
}

// Stream is an open event stream. Next must be called by one goroutine at a time; Close ends it from any.
type Stream struct {
	body   io.ReadCloser
	lines  *bufio.Reader
	cancel context.CancelFunc
	idLine string // the newest id line, which counts from the end of its event on
	lastID string
	retry  time.Duration
}

// maxLine bounds a line of a stream, bytes.
const maxLine = 4 << 20

// Stream opens the caller's event stream, behind the given event id or, with "", from now. It returns once the server has
// sent its first line, from where on nothing that happens is missed. The stream lives until Close, the end of ctx or the
// server's end of it.
func (c *Client) Stream(ctx context.Context, lastEventID string) (*Stream, error) {
	request, err := c.request(ctx, http.MethodGet, "/api/sse", nil)
	if err != nil {
		return nil, err
	}
	return c.open(request, lastEventID)
}

// StreamByTicket is [Client.Stream] for whoever has a ticket. A ticket opens one stream.
func (c *Client) StreamByTicket(ctx context.Context, ticket, lastEventID string) (*Stream, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/sse?ticket="+url.QueryEscape(ticket), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	return c.open(request, lastEventID)
}

func (c *Client) open(request *http.Request, lastEventID string) (*Stream, error) {
	ctx, cancel := context.WithCancel(request.Context())
	request = request.WithContext(ctx)
	request.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := c.http.Do(request)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open stream: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		_ = response.Body.Close()
		cancel()
		return nil, problemOf(response, body)
	}
	stream := &Stream{body: response.Body, lines: bufio.NewReaderSize(response.Body, 4<<10), cancel: cancel, idLine: lastEventID, lastID: lastEventID}
	if _, err := stream.lines.Peek(1); err != nil {
		stream.Close()
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return stream, nil
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

// Next waits for the next event, as the HTML standard parses them (section 9.2.6). io.EOF is the server's end of the stream.
func (s *Stream) Next() (StreamEvent, error) {
	var data strings.Builder
	for {
		line, err := s.readLine()
		if err != nil {
			return StreamEvent{}, err
		}
		if line == "" {
			s.lastID = s.idLine
			if data.Len() == 0 {
				continue
			}
			event := StreamEvent{ID: s.lastID, Data: json.RawMessage(data.String()), At: time.Now()}
			var tag struct {
				Type string `json:"type"`
			}
			if err := json.Unmarshal(event.Data, &tag); err != nil {
				return StreamEvent{}, fmt.Errorf("decode event: %w", err)
			}
			event.Type = tag.Type
			return event, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			if data.Len() > 0 {
				data.WriteByte('\n')
			}
			data.WriteString(value)
		case "id":
			if !strings.ContainsRune(value, 0) {
				s.idLine = value
			}
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

func (s *Stream) readLine() (string, error) {
	var line []byte
	for {
		part, err := s.lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(line) > maxLine {
				return "", errors.New("a line of the stream is too long")
			}
			continue
		case err != nil:
			return "", err //nolint:wrapcheck // io.EOF and the context's errors as they are
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}
