package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
)

// network is a network and what is behind it, in a bubble of synctest: its answers follow each other, and the last one goes on.
type network struct {
	mu       sync.Mutex
	answers  []answer
	requests []*http.Request
	bodies   []string
	at       []time.Time
}

type answer func(*http.Request) (*http.Response, error)

func (n *network) RoundTrip(request *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	body := ""
	if request.Body != nil {
		raw, _ := io.ReadAll(request.Body)
		body = string(raw)
	}
	next := n.answers[min(len(n.requests), len(n.answers)-1)]
	n.requests, n.bodies, n.at = append(n.requests, request), append(n.bodies, body), append(n.at, time.Now())
	response, err := next(request)
	if response != nil {
		response.Request = request
	}
	return response, err
}

// waits are the times between the requests.
func (n *network) waits() (waits []time.Duration) {
	for i := 1; i < len(n.at); i++ {
		waits = append(waits, n.at[i].Sub(n.at[i-1]))
	}
	return waits
}

// headers are what a header was in each request.
func (n *network) headers(name string) (values []string) {
	for _, request := range n.requests {
		values = append(values, request.Header.Get(name))
	}
	return values
}

func (n *network) client(token client.TokenSource) *client.Client {
	return client.New("http://ism.test", &http.Client{Transport: n}, token)
}

var errCut = errors.New("connection reset by peer")

func cut(*http.Request) (*http.Response, error) { return nil, errCut }

// says is an answer with headers, as "Name: value".
func says(status int, body string, headers ...string) answer {
	return func(*http.Request) (*http.Response, error) {
		header := http.Header{}
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			header.Set(name, value)
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func problem(status int, code string, headers ...string) answer {
	return says(status, `{"code":"`+code+`","detail":"no","traceId":"4bf9"}`, append(headers, "Content-Type: application/problem+json")...)
}

// streams is a stream that ends behind the text, or breaks.
func streams(text string) answer { return says(http.StatusOK, text, "Content-Type: text/event-stream") }

// falls is a stream that says nothing behind the texts, each of which comes by itself.
func falls(texts ...string) answer {
	return func(request *http.Request) (*http.Response, error) {
		quiet, silence := io.Pipe()
		var body []io.Reader
		for _, text := range texts {
			body = append(body, strings.NewReader(text))
		}
		context.AfterFunc(request.Context(), func() { silence.CloseWithError(request.Context().Err()) })
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}},
			Body: struct {
				io.Reader
				io.Closer
			}{io.MultiReader(append(body, quiet)...), silence},
		}, nil
	}
}

// next is the type of the next event, and its error.
func next(t *testing.T, follower *client.Follower, want string) client.StreamEvent {
	t.Helper()
	event, err := follower.Next()
	if err != nil || event.Type != want {
		t.Fatalf("event %q %s, %v; expected %q", event.Type, event.Data, err, want)
	}
	return event
}
