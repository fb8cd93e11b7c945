package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// pageOrigin is where a page comes from that calls. The one process lets it by itself, in development; the others are told to.
const pageOrigin = "http://localhost:4200"

// preflights are what a browser asks before it sends what pages of clients send.
var preflights = []struct{ method, path, headers string }{
	{"GET", "/api/sse", "authorization,cache-control,last-event-id"}, // as EventSource replacements do
	{"POST", "/api/sse/ticket", "authorization,cache-control"},
	{"GET", "/api/poll", "authorization,cache-control,last-event-id"},
	{"GET", "/api/rooms", "authorization,traceparent,tracestate,x-request-id"},
	{"POST", "/api/rooms/create-room", "authorization,content-type,idempotency-key"},
	{"POST", "/api/send-msg", "authorization,content-type,idempotency-key,if-match"},
	{"GET", "/api/rooms/0192d3a0-0000-7000-8000-000000000001/timeline", "authorization"},
}

func pageMayCall(t *testing.T, d *deployment.Deployment) {
	for _, c := range preflights {
		header := fromPage(t, d, http.MethodOptions, c.path, http.StatusNoContent, http.Header{
			"Access-Control-Request-Method": {c.method}, "Access-Control-Request-Headers": {c.headers},
		})
		allowed := strings.Split(strings.ToLower(header.Get("Access-Control-Allow-Headers")), ",")
		for name := range strings.SplitSeq(c.headers, ",") {
			if !contains(allowed, name) {
				t.Errorf("before %s %s: %s is not allowed: %v", c.method, c.path, name, allowed)
			}
		}
		if !contains(strings.Split(header.Get("Access-Control-Allow-Methods"), ","), c.method) {
			t.Errorf("before %s %s: the methods are %s", c.method, c.path, header.Get("Access-Control-Allow-Methods"))
		}
	}
	token := http.Header{"Authorization": {"Bearer " + d.Token(t, "alice")}, "Cache-Control": {"no-cache"}}
	for _, path := range []string{"/api/rooms", "/api/sse"} {
		header := fromPage(t, d, http.MethodGet, path, http.StatusOK, token)
		exposed := strings.Split(strings.ToLower(header.Get("Access-Control-Expose-Headers")), ",")
		for _, name := range []string{"retry-after", "x-request-id", "etag", "traceparent", "x-trace-id", "x-next-cursor", "link"} {
			if !contains(exposed, name) {
				t.Errorf("GET %s: a page cannot read %s: %v", path, name, exposed)
			}
		}
	}
}

// fromPage asks as a browser does for a page, and gives the header of an answer that the page may read.
func fromPage(t *testing.T, d *deployment.Deployment, method, path string, status int, header http.Header) http.Header {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.BaseURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	request.Header.Set("Origin", pageOrigin)
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close() // a stream goes on
	if origin := response.Header.Get("Access-Control-Allow-Origin"); response.StatusCode != status || origin != pageOrigin {
		t.Errorf("%s %s: %d, for %q: %v", method, path, response.StatusCode, origin, response.Header)
	}
	return response.Header
}

func contains(list []string, entry string) bool {
	for _, one := range list {
		if strings.TrimSpace(one) == entry {
			return true
		}
	}
	return false
}
