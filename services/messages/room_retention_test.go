package messages_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

func retentionOf(room uuid.UUID) string { return "/api/admin/rooms/" + room.String() + "/retention" }

// wantsRetention asks the backend's way and holds the answer to what is wanted.
func (w *world) wantsRetention(t *testing.T, method string, room uuid.UUID, body string, want wire.RoomRetention) {
	t.Helper()
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	var got wire.RoomRetention
	w.doAs(backend(uuid.New()), method, retentionOf(room), sent).Decode(t, &got)
	if got != want {
		t.Errorf("%s %s: %+v, want %+v", method, body, got, want)
	}
}

// A room goes by the installation until it has a retention of its own, and again when that is taken from it.
func TestARoomHasARetentionOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, _ := w.newRoom()
	other, _ := w.newRoom()
	installation := wire.RoomRetention{}
	w.wantsRetention(t, http.MethodGet, room, "", installation)
	for _, days := range []int{30, 0, 2, 3650} {
		own := wire.RoomRetention{Days: days, Own: true}
		for range 2 {
			w.wantsRetention(t, http.MethodPut, room, fmt.Sprintf(`{"days":%d,"unknown":true}`, days), own)
			w.wantsRetention(t, http.MethodGet, room, "", own)
		}
	}
	w.wantsRetention(t, http.MethodGet, other, "", installation)
	for range 2 {
		w.wantsRetention(t, http.MethodDelete, room, "", installation)
		w.wantsRetention(t, http.MethodGet, room, "", installation)
	}
}

func TestWhoMaySetARetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, member := uuid.Must(uuid.NewV7()), uuid.New()
	w.rooms.put(events.Membership{RoomID: room, Tenant: "acme", Audience: events.Audience{Users: []uuid.UUID{member, uuid.New()}, Version: 1}})
	of := func(tenant string) caller {
		return caller{uuid.New(), map[string]any{"azp": backendClient, "tenant": tenant}}
	}
	for name, c := range map[string]struct {
		caller caller
		path   string
		want   string
	}{
		"nobody":                   {caller{}, retentionOf(room), "401 unauthorized"},
		"a member":                 {caller{member, map[string]any{"tenant": "acme"}}, retentionOf(room), "403 forbidden"},
		"acme's backend":           {of("acme"), retentionOf(room), "200 "},
		"another tenant's backend": {of("umbrella"), retentionOf(room), "404 room-not-found"},
		"a backend of no tenant":   {backend(uuid.New()), retentionOf(room), "404 room-not-found"},
		"of an unknown room":       {of("acme"), retentionOf(uuid.New()), "404 room-not-found"},
		"of no id":                 {of("acme"), "/api/admin/rooms/1/retention", "400 invalid-id"},
	} {
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
			var body io.Reader
			if method == http.MethodPut {
				body = strings.NewReader(`{"days":30}`)
			}
			if got := w.doAs(c.caller, method, c.path, body); fmt.Sprint(got.Status, " ", got.Code()) != c.want {
				t.Errorf("%s, %s: %s, want %s", name, method, got, c.want)
			}
		}
	}
}

func TestBadRetentionsAreRefusedAndSetNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, _ := w.newRoom()
	w.wantsRetention(t, http.MethodPut, room, `{"days":7}`, wire.RoomRetention{Days: 7, Own: true})
	for body, want := range map[string]string{
		`{"days":1}`: "422 invalid-request", `{"days":-1}`: "422 invalid-request", `{"days":3651}`: "422 invalid-request",
		`{}`: "422 invalid-request", `{"days":null}`: "422 invalid-request", `null`: "422 invalid-request", `{"own":true}`: "422 invalid-request",
		`{"days":"30"}`: "400 malformed-json", `{"days":2.5}`: "400 malformed-json", `{"days":99999999999999999999}`: "400 malformed-json",
		`{"days":30,"days":40}`: "400 malformed-json", `[30]`: "400 malformed-json", `30`: "400 malformed-json", ``: "400 malformed-json",
	} {
		got := w.doAs(backend(uuid.New()), http.MethodPut, retentionOf(room), strings.NewReader(body))
		if fmt.Sprint(got.Status, " ", got.Code()) != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
		if got.Code() == "invalid-request" && !strings.Contains(string(got.Body), "days") {
			t.Errorf("%s: %s does not say what is wrong", body, got)
		}
	}
	text := w.doAs(backend(uuid.New()), http.MethodPut, retentionOf(room), strings.NewReader(`{"days":30}`), "Content-Type", "text/plain")
	if text.Status != http.StatusUnsupportedMediaType {
		t.Errorf("as text: %s", text)
	}
	w.wantsRetention(t, http.MethodGet, room, "", wire.RoomRetention{Days: 7, Own: true})
	if lines := w.log.taken(); len(lines) > 0 {
		t.Errorf("logged as errors: %q", lines)
	}
}

func TestARetentionWhileSomethingIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, _ := w.newRoom()
	asks := func(want string) {
		t.Helper()
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			var body io.Reader
			if method == http.MethodPut {
				body = strings.NewReader(`{"days":30}`)
			}
			got := w.doAs(backend(uuid.New()), method, retentionOf(room), body)
			if got.Status != http.StatusServiceUnavailable || got.Code() != want || got.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %s, want %s", method, got, want)
			}
		}
	}
	w.rooms.setDown(true)
	asks("rooms-unavailable")
	w.rooms.setDown(false)
	w.store.set(true, false)
	asks("store-unavailable")
	w.store.set(false, false)
	w.wantsRetention(t, http.MethodGet, room, "", wire.RoomRetention{})
}
