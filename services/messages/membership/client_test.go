package membership_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/membership"
)

func newClient(t *testing.T, timeout time.Duration, serve http.HandlerFunc) *membership.Client {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	client := membership.NewClient(membership.ClientConfig{URL: server.URL + "/", Timeout: timeout}, internalapi.Credential{}, telemetry.Discard(nil))
	servicetest.Run(t, "client", client.Run)
	return client
}

func TestClientAsksRooms(t *testing.T) {
	var path, parent string
	client := newClient(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		path, parent = r.URL.Path, r.Header.Get("Traceparent")
		_, _ = w.Write([]byte(`{"roomId":"` + room.String() + `","membershipVersion":7,"audience":["` + alice.String() +
			`"],"more":"to come"}`))
	})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	got, err := client.Membership(trace.ContextWithSpanContext(t.Context(), span), room)
	if err != nil {
		t.Fatal(err)
	}
	if got.RoomID != room || got.Version != 7 || !got.Names(alice) || got.WholeRoom {
		t.Errorf("the answer is %+v", got)
	}
	if want := "/internal/rooms/" + room.String() + "/members"; path != want {
		t.Errorf("rooms was asked at %s, want %s", path, want)
	}
	if !strings.Contains(parent, span.TraceID().String()) {
		t.Errorf("the trace is not handed on: traceparent is %q", parent)
	}
}

// rooms may be of the version before, which named the members with their status.
func TestClientReadsTheAnswerOfTheVersionBefore(t *testing.T) {
	client := newClient(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"roomId":"` + room.String() + `","version":7,"members":[{"id":"` + alice.String() +
			`","displayName":"alice","membershipStatus":"Joined"},{"id":"` + bob.String() + `","membershipStatus":"Left"}]}`))
	})
	got, err := client.Membership(t.Context(), room)
	if err != nil || got.Version != 7 || !got.Names(alice) || got.Names(bob) || got.WholeRoom {
		t.Errorf("the answer is %+v, %v", got, err)
	}
}

func TestClientAsksForAStanding(t *testing.T) {
	var path string
	answer := `{"roomId":"` + room.String() + `","version":7,"userId":"` + alice.String() + `","status":"Left","to":"` + bob.String() + `"}`
	client := newClient(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		_, _ = w.Write([]byte(answer))
	})
	got, err := client.Standing(t.Context(), room, alice)
	if err != nil || got.Version != 7 || got.Status != wire.Left || got.From != nil || got.To == nil || *got.To != bob {
		t.Errorf("the answer is %+v, %v", got, err)
	}
	if want := "/internal/rooms/" + room.String() + "/members/" + alice.String(); path != want {
		t.Errorf("rooms was asked at %s, want %s", path, want)
	}
	if got, err := client.Standing(t.Context(), room, bob); err == nil {
		t.Errorf("an answer for another user is taken: %+v", got)
	}
}

func TestClientAsksForAUser(t *testing.T) {
	status, answer, path := http.StatusOK, `{"id":"`+alice.String()+`","tenant":"acme","displayName":"Alice"}`, ""
	client := newClient(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	})
	if got, err := client.User(t.Context(), alice); err != nil || got.Tenant != "acme" || got.DisplayName != "Alice" || path != "/internal/users/"+alice.String() {
		t.Errorf("at %s the answer is %+v, %v", path, got, err)
	}
	if got, err := client.User(t.Context(), bob); err == nil {
		t.Errorf("an answer for another user is taken: %+v", got)
	}
	status, answer = http.StatusNotFound, `{"code":"user-not-found"}`
	if _, err := client.User(t.Context(), alice); !errors.Is(err, membership.ErrUserNotFound) {
		t.Errorf("of a user that is none: %v", err)
	}
}

func TestClientTellsAMissingRoomFromAMissingEndpoint(t *testing.T) {
	for body, missing := range map[string]bool{
		`{"code":"room-not-found"}`: true,
		`{"code":"not-found"}`:      false,
		`404 page not found`:        false,
	} {
		client := newClient(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		})
		_, err := client.Membership(t.Context(), room)
		if err == nil || errors.Is(err, membership.ErrRoomNotFound) != missing {
			t.Errorf("404 with %s gives %v", body, err)
		}
	}
}

func TestClientRefusesWrongAnswers(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"status":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"no JSON": func(w http.ResponseWriter) { _, _ = w.Write([]byte("hello")) },
		"another room": func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"roomId":"` + alice.String() + `","membershipVersion":1}`))
		},
		"no version": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"roomId":"` + room.String() + `"}`)) },
	} {
		client := newClient(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) { answer(w) })
		if got, err := client.Membership(t.Context(), room); err == nil || errors.Is(err, membership.ErrRoomNotFound) {
			t.Errorf("%s: the answer is %+v, %v", name, got, err)
		}
	}
}

// A connection that hangs costs a try, and none that was made before it is used for the next.
func TestClientAsksAgainOnAnotherConnection(t *testing.T) {
	done, two := make(chan struct{}), make(chan struct{})
	var (
		mu    sync.Mutex
		asked []string // from where
		hangs = map[string]bool{}
	)
	client := newClient(t, 300*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if asked = append(asked, r.RemoteAddr); len(asked) == 2 && len(hangs) == 0 {
			close(two)
		}
		hanging := hangs[r.RemoteAddr]
		mu.Unlock()
		select {
		case <-two: // there are two connections
		case <-r.Context().Done():
			return
		}
		if !hanging {
			_, _ = w.Write([]byte(`{"roomId":"` + room.String() + `","membershipVersion":7,"audience":[]}`))
			return
		}
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	defer close(done)
	var pair sync.WaitGroup
	for range 2 {
		pair.Go(func() {
			if _, err := client.Membership(t.Context(), room); err != nil {
				t.Error(err)
			}
		})
	}
	pair.Wait()
	mu.Lock()
	for _, from := range asked {
		hangs[from] = true
	}
	asked = nil
	mu.Unlock()
	if got, err := client.Membership(t.Context(), room); err != nil || got.Version != 7 {
		t.Errorf("the answer is %+v, %v", got, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) < 2 || !hangs[asked[0]] || slices.ContainsFunc(asked[1:], func(from string) bool { return hangs[from] }) { // a busy machine may try a third time
		t.Errorf("rooms was asked from %v, of which hang %v", asked, hangs)
	}
}

func TestClientConfigIsChecked(t *testing.T) {
	for url, valid := range map[string]bool{
		"http://rooms:9403": true, "https://rooms.internal": true, "rooms:9403": false, "": false, "ftp://rooms": false, "http://": false,
	} {
		if faults := (membership.ClientConfig{URL: url, Timeout: time.Second}).Validate(); (len(faults) == 0) != valid {
			t.Errorf("%q: the faults are %v", url, faults)
		}
	}
}
