package checks

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func TestWhatIsBrokenOfAStreamIsNamed(t *testing.T) {
	streaming := func(kind string, body func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			body(w, r)
		}
	}
	unavailable := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	held := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		broken http.HandlerFunc
		result examine.Result
		words  []string
	}{
		"stream held back": {streaming("text/event-stream", held), examine.Fault, []string{"held back", "proxy_buffering off"}},
		"header alone": {streaming("text/event-stream", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			held(w, r)
		}), examine.Fault, []string{"nothing of it arrives", "proxy_buffering off"}},
		"no keep-alive": {streaming("text/event-stream", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "id: 0-1\n\n")
			w.(http.Flusher).Flush()
			held(w, r)
		}), examine.Fault, []string{"no keep-alive", "proxy_buffering off"}},
		"a stream that ends": {streaming("text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "id: 0-1\n\n")
		}), examine.Fault, []string{"ended", "time-out"}},
		"a stream of JSON": {streaming("application/json", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "{}")
		}), examine.Fault, []string{"application/json", "Content-Type"}},
		"compressed": {streaming("text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
		}), examine.Fault, []string{"compressed"}},
		"told to buffer": {streaming("text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Accel-Buffering", "yes")
		}), examine.Fault, []string{"X-Accel-Buffering"}},
		"streams unavailable": {unavailable, examine.Fault, []string{"503", "realtime"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stream{url: examinetest.Serve(t, test.broken), firstTimeout: servicetest.Timeout, aliveTimeout: servicetest.Timeout}
			switch name { // what the test waits for does not come
			case "stream held back":
				s.firstTimeout = 300 * time.Millisecond
			case "header alone":
				s.firstTimeout = 2 * time.Second // the header has to come before
			case "no keep-alive":
				s.aliveTimeout = 300 * time.Millisecond
			}
			found := examinetest.Look(t, func(ctx context.Context, n *examine.Notes) { s.look(ctx, n, "token") })
			examinetest.Expect(t, found[0], test.result, test.words...)
		})
	}
}

func TestDescriptorsAreComparedWithStreams(t *testing.T) {
	for allowed, want := range map[uint64]examine.Result{20_000: examine.OK, 10_500: examine.Warning, 1024: examine.Fault} {
		got := examinetest.Look(t, func(_ context.Context, n *examine.Notes) { compareDescriptors(n, allowed, 10_000) })
		examinetest.Expect(t, got[0], want, "ISM_REALTIME_MAX_STREAMS")
	}
}
