package doctor

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/servicetest"
)

// confluent-kafka-go ends this goroutine some time after its client has been closed.
func TestMain(m *testing.M) {
	servicetest.VerifyNoLeaks(m, "github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).waitTerminated")
}

// doctorFor makes a doctor with a command line and variables.
func doctorFor(t *testing.T, target string, variables ...string) *doctor {
	t.Helper()
	return doctorAt(t, time.Now, target, variables...)
}

// doctorAt makes a doctor with a clock of its own.
func doctorAt(t *testing.T, now func() time.Time, target string, variables ...string) *doctor {
	t.Helper()
	opts, err := parse([]string{"-target", target}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	known, err := readSettings(variables)
	if err != nil {
		t.Fatal(err)
	}
	d := newDoctor(opts, known, now)
	t.Cleanup(d.bus.Close)
	return d
}

// checks gives those of the named groups.
func (d *doctor) checks(groups ...string) []examine.Check {
	var checks []examine.Check
	for _, part := range d.parts() {
		for _, check := range part.Checks {
			if slices.Contains(groups, check.Group) {
				checks = append(checks, check)
			}
		}
	}
	return checks
}

// variables are what a service is configured with to use the issuer.
func variables(s *authntest.Issuer, more ...string) []string {
	return append([]string{"ISM_OIDC_ISSUER=" + s.URL, "ISM_OIDC_ADDRESS=" + s.OtherAddress(), "ISM_OIDC_AUDIENCE=" + authntest.Audience, "ISM_REALTIME_KEEP_ALIVE=100ms"}, more...)
}

// standIn is a gateway whose answers a test can break, one route at a time.
type standIn map[string]http.HandlerFunc

func (s standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if broken, ok := s[r.URL.Path]; ok {
		broken(w, r)
		return
	}
	switch r.URL.Path {
	case "/":
		fmt.Fprint(w, "Hello, world! I'm your new ISM. 🤗")
	case "/health":
		fmt.Fprint(w, "Healthy")
	case "/api/rooms":
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="ism"`)
			problem(w, http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "[]")
	case "/api/sse":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 1000\nid: 0-1\n\n")
		w.(http.Flusher).Flush()
		for range 3 {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
			fmt.Fprint(w, ":\n")
			w.(http.Flusher).Flush()
		}
	default:
		problem(w, http.StatusNotFound)
	}
}

func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprint(w, "{}")
}
