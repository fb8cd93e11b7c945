package eventloop

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

type answer struct {
	status int
	header http.Header
	body   string
}

// get asks for a stream that the server is to refuse, or to end by itself.
func (w *world) get(method, accept string) answer {
	w.t.Helper()
	response := w.begin(method, accept)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func (w *world) begin(method, accept string) *http.Response {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.address+"/api/sse?user="+uuid.NewString(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// lines reads so many lines.
func lines(t *testing.T, from *bufio.Reader, n int) string {
	t.Helper()
	var all strings.Builder
	for range n {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
		all.WriteString(line)
	}
	return all.String()
}

func TestAnswerIsAnEventStream(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, over func(*host) transport) {
		t.Parallel()
		cfg := config()
		cfg.KeepAlive = 200 * time.Millisecond
		w := serveWith(t, over, cfg, options{httpTimeout: 2 * time.Second}) // which streams must outlive
		response := w.begin(http.MethodGet, "")
		if response.StatusCode != http.StatusOK || response.Proto != "HTTP/1.1" || len(response.TransferEncoding) != 0 || response.ContentLength != -1 || !response.Close {
			t.Errorf("%s %d, %v, length %d, close %v", response.Proto, response.StatusCode, response.TransferEncoding, response.ContentLength, response.Close)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Before": "1", "X-After": "2",
		} {
			if got := response.Header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		body := bufio.NewReader(response.Body)
		if got := lines(t, body, 3); got != opening {
			t.Errorf("opening %q", got)
		}
		if got := lines(t, body, 24); got != strings.Repeat(":\n\n", 12) { // for longer than the server's timeouts
			t.Errorf("keep-alives %q", got)
		}
		w.source.send("late")
		if got := lines(t, body, 3); !strings.Contains(got, "id: 7-42\ndata: late\n") {
			t.Errorf("event %q", got)
		}
		_ = response.Body.Close()
	})
}

func TestHeadAnswersAndEnds(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		got := w.get(http.MethodHead, "")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/event-stream" || w.source.streams() != 0 {
			t.Errorf("%+v, %d streams", got, w.source.streams())
		}
	})
}

func TestAcceptMustHaveEventStreams(t *testing.T) {
	w := serve(t, newTransport, config())
	for accept, status := range map[string]int{
		"":                                http.StatusOK,
		"text/event-stream":               http.StatusOK,
		"text/event-stream;q=0.5":         http.StatusOK,
		"TEXT/Event-Stream":               http.StatusOK,
		"*/*":                             http.StatusOK,
		"text/*":                          http.StatusOK,
		"application/json, */*;q=0.1":     http.StatusOK,
		"text/html, text/event-stream":    http.StatusOK,
		"application/json":                http.StatusNotAcceptable,
		"text/html,application/xhtml+xml": http.StatusNotAcceptable,
		"text/event-streams":              http.StatusNotAcceptable,
		"text/event-stream;q=0":           http.StatusNotAcceptable,
		"*":                               http.StatusNotAcceptable,
	} {
		response := w.begin(http.MethodGet, accept)
		if response.StatusCode != status {
			t.Errorf("Accept: %q: status %d, want %d", accept, response.StatusCode, status)
		}
		if status == http.StatusNotAcceptable {
			if body, _ := io.ReadAll(response.Body); string(body) != "not-acceptable" {
				t.Errorf("Accept: %q: %s", accept, body)
			}
		}
		_ = response.Body.Close()
	}
}

func FuzzAccept(f *testing.F) {
	for _, accept := range []string{"", "*/*", "text/event-stream;q=0", "a/b;q=\"", ",,;", "text/*;q=NaN"} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if strings.TrimSpace(accept) != "" && accepted(accept) && !strings.Contains(accept, "*") && !strings.Contains(strings.ToLower(accept), "event-stream") {
			t.Errorf("%q is accepted", accept)
		}
		if !strings.Contains(accept, "\"") && !accepted(accept+", text/event-stream") {
			t.Errorf("%q is not accepted with text/event-stream behind it", accept)
		}
	})
}

func TestStreamsAreOnlyRead(t *testing.T) {
	w := serve(t, newTransport, config())
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		if got := w.get(method, ""); got.status != http.StatusMethodNotAllowed || !strings.Contains(got.header.Get("Allow"), "GET") {
			t.Errorf("%s: %+v", method, got)
		}
	}
}
