package tenants_test

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

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/tenants"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var alice, bob = uuid.New(), uuid.New()

func newClient(t *testing.T, serve http.HandlerFunc) *tenants.Client {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	client := tenants.NewClient(tenants.Config{URL: server.URL + "/"}, internalapi.Credential{}, telemetry.Discard(nil))
	servicetest.Run(t, "client", client.Run)
	return client
}

func TestRoomsIsAsked(t *testing.T) {
	var asked events.UsersQuestion
	var request string
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		request = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + r.Header.Get("Traceparent")
		_ = json.NewDecoder(r.Body).Decode(&asked)
		_, _ = w.Write([]byte(`{"users":[{"id":"` + alice.String() + `","tenant":"acme","more":1}]}`))
	})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	got, err := client.Tenants(trace.ContextWithSpanContext(t.Context(), span), []uuid.UUID{alice, bob})
	if err != nil || len(got) != 1 || got[alice] != "acme" {
		t.Errorf("the answer is %v, %v", got, err)
	}
	if len(asked.Users) != 2 || asked.Users[1] != bob {
		t.Errorf("asked was %v", asked)
	}
	if !strings.HasPrefix(request, "POST /internal/users/tenants application/json 00-"+span.TraceID().String()) {
		t.Errorf("the request was %s", request)
	}
}

func TestRoomsIsAskedWhatIsUnread(t *testing.T) {
	var path string
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		_, _ = w.Write([]byte(`{"userId":"` + alice.String() + `","unreadRooms":2,"unreadMessages":7}`))
	})
	got, err := client.Unread(t.Context(), alice)
	if err != nil || got.Messages != 7 || got.Rooms != 2 || path != "/internal/users/"+alice.String()+"/unread" {
		t.Errorf("at %s the answer is %+v, %v", path, got, err)
	}
	if got, err := client.Unread(t.Context(), bob); err == nil {
		t.Errorf("an answer about somebody else is taken: %+v", got)
	}
}

func TestWhatIsNoAnswerOfRoomsIsAnError(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"a status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"not found": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"users":[]}`))
		},
		"no JSON":  func(w http.ResponseWriter) { _, _ = w.Write([]byte("hello")) },
		"no users": func(w http.ResponseWriter) { _, _ = w.Write([]byte("{}")) },
		"half": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"users":[]}`))
		},
	} {
		var tries atomic.Int32
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			tries.Add(1)
			answer(w)
		})
		if got, err := client.Tenants(t.Context(), []uuid.UUID{alice}); err == nil || tries.Load() != 2 {
			t.Errorf("%s: after %d tries the answer is %v, %v", name, tries.Load(), got, err)
		}
	}
}

func TestAQuestionThatHangsIsAskedAgain(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	done := make(chan struct{})
	client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) == 1 {
			<-done
		}
		_, _ = w.Write([]byte(`{"users":[]}`))
	})
	t.Cleanup(func() { close(done) })
	if got, err := client.Tenants(t.Context(), []uuid.UUID{alice}); err != nil || len(got) != 0 {
		t.Errorf("the answer is %v, %v", got, err)
	}
}

func TestTheDeadlineHolds(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	client := newClient(t, func(http.ResponseWriter, *http.Request) { <-done })
	t.Cleanup(func() { close(done) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.Tenants(ctx, []uuid.UUID{alice}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("rooms hangs: %v", err)
	}
}

func TestAnAddressOfRoomsIsAURL(t *testing.T) {
	if faults := (tenants.Config{URL: "http://rooms:9403"}).Validate(); len(faults) != 0 {
		t.Error(faults)
	}
	for _, bad := range []string{"", "rooms:9403", "ftp://rooms", "http://"} {
		if faults := (tenants.Config{URL: bad}).Validate(); len(faults) != 1 || faults[0].Variable != "URL" {
			t.Errorf("%q: %v", bad, faults)
		}
	}
}
