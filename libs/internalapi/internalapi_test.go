package internalapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func newClient(t *testing.T, serve http.HandlerFunc) *internalapi.Client {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	client := internalapi.New("rooms", internalapi.Address(server.URL+"/"), 4, internalapi.Credential{}, telemetry.Discard(nil))
	servicetest.Run(t, "client", client.Run)
	return client
}

func TestAQuestionIsAskedAndItsTraceHandedOn(t *testing.T) {
	var request, trail, asked string
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		request, trail = r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type"), r.Header.Get("Traceparent")
		_ = json.NewDecoder(r.Body).Decode(&asked)
		_, _ = w.Write([]byte(`{"name":"alice","more":1}`))
	})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	var answer struct{ Name string }
	question := internalapi.Question{Method: http.MethodPost, Template: "/internal/{id}", Path: "/internal/7", Body: "who?", Try: 2}
	if err := client.Ask(trace.ContextWithSpanContext(t.Context(), span), question, &answer); err != nil || answer.Name != "alice" {
		t.Errorf("the answer is %+v, %v", answer, err)
	}
	if request != "POST /internal/7 application/json" || asked != "who?" || !strings.Contains(trail, span.TraceID().String()) {
		t.Errorf("asked was %q at %q, traceparent %q", asked, request, trail)
	}
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"no JSON": func(w http.ResponseWriter) { _, _ = w.Write([]byte("hello")) },
		"half": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{}"))
		},
		"without end": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"name":"` + strings.Repeat("a", 2<<20) + `"}`)) },
		"a redirect to what is none": func(w http.ResponseWriter) {
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	}
	for name, answer := range answers {
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) { answer(w) })
		var got struct{ Name string }
		if err := client.Ask(t.Context(), internalapi.Question{Method: http.MethodGet, Path: "/"}, &got); err == nil {
			t.Errorf("%s: the answer is %d bytes", name, len(got.Name))
		}
	}
}

func TestARefusalHasTheProblemsCode(t *testing.T) {
	for body, code := range map[string]string{`{"code":"room-not-found"}`: "room-not-found", "404 page not found": "", `{"code":7}`: ""} {
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		})
		err := client.Ask(t.Context(), internalapi.Question{Method: http.MethodGet, Path: "/"}, nil)
		var refusal *internalapi.Refusal
		if !errors.As(err, &refusal) || refusal.Status != http.StatusNotFound || refusal.Code != code {
			t.Errorf("404 with %s gives %v", body, err)
		}
	}
}

// A connection that has hung once may hang again: what is asked after a deadline comes by another one.
func TestAfterADeadlineAnotherConnectionIsUsed(t *testing.T) {
	var hangs atomic.Bool
	done := make(chan struct{})
	from := make(chan string, 4)
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		from <- r.RemoteAddr
		if hangs.Load() {
			<-done
		}
		_, _ = w.Write([]byte("{}"))
	})
	t.Cleanup(func() { close(done) })
	question := internalapi.Question{Method: http.MethodGet, Path: "/"}
	if err := client.Ask(t.Context(), question, nil); err != nil {
		t.Fatal(err)
	}
	hangs.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Ask(ctx, question, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a service that hangs: %v", err)
	}
	hangs.Store(false)
	if err := client.Ask(t.Context(), question, nil); err != nil {
		t.Fatal(err)
	}
	if first, second, third := <-from, <-from, <-from; first != second || third == second {
		t.Errorf("asked was from %s, %s and %s", first, second, third)
	}
}

func TestAnAddressIsAURL(t *testing.T) {
	if faults := internalapi.Address("http://rooms:9403").Fault("URL", "http://rooms:9403"); len(faults) != 0 {
		t.Error(faults)
	}
	for _, bad := range []internalapi.Address{"", "rooms:9403", "ftp://rooms", "http://"} {
		if faults := bad.Fault("URL", "http://rooms:9403"); len(faults) != 1 || faults[0].Variable != "URL" {
			t.Errorf("%q: %v", bad, faults)
		}
	}
}
