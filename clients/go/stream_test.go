package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
)

func open(t *testing.T, stream string) *client.Stream {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("Authorization %q", got)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, stream, r.Header.Get("Last-Event-ID"))
	}))
	t.Cleanup(server.Close)
	opened, err := client.New(server.URL, server.Client(), client.Token("secret")).Stream(t.Context(), "3-7")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

func TestStreamReadsWhatTheStandardAllows(t *testing.T) {
	stream := open(t, "retry: 2000\nid: %s\n\n: keep-alive\n\nid: 3-8\r\ndata: {\"type\":\r\ndata: \"NewRoom\"}\r\n\r\ndata:{\"type\":\"ChatMessage\"}\n\n")
	first, err := stream.Next()
	if err != nil || first.Type != "NewRoom" || first.ID != "3-8" {
		t.Fatalf("first event %+v, %v", first, err)
	}
	second, err := stream.Next()
	if err != nil || second.Type != "ChatMessage" || second.ID != "3-8" {
		t.Fatalf("second event %+v, %v", second, err)
	}
	if stream.Retry() != 2*time.Second {
		t.Errorf("retry %v", stream.Retry())
	}
	if _, err := stream.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestStreamCutInsideAnEventResumesBeforeIt(t *testing.T) {
	stream := open(t, "id: %s\n\nid: 3-8\ndata: {\"type\":\"Cha")
	if _, err := stream.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("error %v", err)
	}
	if got := stream.LastEventID(); got != "3-7" {
		t.Errorf("resumes behind %q, and so loses the event that was cut", got)
	}
}

// endless is a line without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// It measures what the process allocates, so nothing else runs beside it.
func TestAnEventWithoutAnEndTakesLittle(t *testing.T) {
	line := &endless{}
	n := &network{answers: []answer{func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: line}, nil
	}}}
	stream, err := n.client(client.Token("secret")).Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = stream.Next()
	runtime.ReadMemStats(&after)
	if err == nil || line.read < 64<<20 || line.read > 65<<20 {
		t.Errorf("%v after %d bytes", err, line.read)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 48<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

func TestRefusalIsAProblem(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":"unauthorized","detail":"no"}`)
	}))
	t.Cleanup(server.Close)
	_, err := client.New(server.URL, server.Client(), client.Token("x")).Stream(context.Background(), "")
	if !client.HasCode(err, "unauthorized") {
		t.Errorf("error %v", err)
	}
}
