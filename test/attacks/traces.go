package attacks

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// strangersTraces says of each answer whose trace it is of.
func strangersTraces(t *testing.T, d *deployment.Deployment) {
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	header := http.Header{
		"Authorization": {"Bearer " + d.Token(t, "alice")}, "Traceparent": {"00-" + theirs + "-b7ad6b7169203331-01"}, "Tracestate": {"evil=1"}, "Baggage": {"evil=1"},
	}
	for _, path := range []string{"/api/rooms", "/api/rooms/0192d3a0-0000-7000-8000-000000000001", "/nowhere"} {
		response, body := ask(t, d, path, header)
		var problem struct{ TraceID string }
		refused := response.StatusCode >= http.StatusBadRequest
		if refused && json.Unmarshal(body, &problem) != nil {
			t.Errorf("%s: the answer is no problem: %s", path, body)
		}
		trace := response.Header.Get("X-Trace-Id")
		if trace == "" && refused && behindGateway(d) { // the gateway's own refusal has it in the problem alone
			trace = problem.TraceID
		}
		if trace == theirs || len(trace) != len(theirs) || strings.Contains(response.Header.Get("Traceparent"), theirs) {
			t.Errorf("%s: the trace is %q, %q", path, trace, response.Header.Get("Traceparent"))
		}
		if response.Header.Get("Tracestate") != "" || response.Header.Get("Baggage") != "" {
			t.Errorf("%s: what was sent comes back: %v", path, response.Header)
		}
		if refused && problem.TraceID != trace {
			t.Errorf("%s: the problem is of another trace than %s: %s", path, trace, body)
		}
	}
}
