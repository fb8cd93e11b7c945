package deployment

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/tracing"
)

// jaeger is where the compose stack's spans are, by its query API.
type jaeger struct{ baseURL string }

func (j jaeger) Await(t testing.TB, trace string, check func(spans []tracing.Span) error) {
	t.Helper()
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(2 * time.Minute); ; <-poll.C { // spans are handed over every five seconds, and Jaeger may have just started
		spans, err := j.get("/api/traces/" + trace)
		if err == nil {
			err = check(spans)
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			for _, span := range spans {
				t.Logf("%s %s below %q: %s of %s", span.Kind, span.ID, span.Parent, span.Name, span.Service)
			}
			t.Fatalf("trace %s: %v", trace, err)
		}
	}
}

func (j jaeger) Roots(t testing.TB) []tracing.Span {
	t.Helper()
	var roots []tracing.Span
	for _, service := range ComposeServices() {
		spans, err := j.get("/api/traces?limit=500&lookback=1h&service=" + service)
		if err != nil && !errors.Is(err, tracing.ErrNotFound) {
			t.Fatalf("ask for the traces of %s: %v", service, err)
		}
		for _, span := range spans {
			if span.Parent == "" {
				roots = append(roots, span)
			}
		}
	}
	return roots
}

func (j jaeger) get(path string) ([]tracing.Span, error) {
	httpClient := http.Client{Timeout: 10 * time.Second}
	response, err := httpClient.Get(j.baseURL + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return tracing.FromJaeger(response.Body)
}
