package notifications_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
)

func TestABackendSeesWhatAUserHas(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite, pushHere, handOff)
	alice, bob := uuid.New(), uuid.New()
	w.rooms.tenants[alice], w.rooms.tenants[bob] = "acme", "umbrella"
	if got := w.as(alice, http.MethodPost, "/api/devices", `{"deviceId":"my/phone","kind":"Fcm","token":"a:b"}`); got.Status != http.StatusOK {
		t.Fatalf("register: %s", got)
	}
	for range 3 {
		w.notified(w.notify(`{"toUser":"` + alice.String() + `","type":"SystemMessage","message":{}}`))
	}
	acme := map[string]any{"azp": backendClient, "tenant": "acme"}
	ask := func(claims map[string]any, method string, user uuid.UUID, path string) nodetest.Answer {
		return w.post(claims, "/api/admin/users/"+user.String()+path, "", method)
	}
	servicetest.Await(t, "the inbox has them", func() bool {
		return strings.Contains(string(ask(acme, http.MethodGet, alice, "/notifications/unread").Body), `"unreadCount":3`)
	})
	for _, claims := range []map[string]any{backend, acme} {
		page := ask(claims, http.MethodGet, alice, "/notifications?limit=2")
		if page.Status != http.StatusOK || strings.Count(string(page.Body), "SystemMessage") != 2 {
			t.Errorf("the inbox: %s", page)
		}
		if rest := ask(claims, http.MethodGet, alice, "/notifications?direction=older&cursor="+page.Header.Get("X-Next-Cursor")); strings.Count(string(rest.Body), "SystemMessage") != 1 {
			t.Errorf("the rest of the inbox: %s", rest)
		}
	}
	if got := ask(acme, http.MethodGet, alice, "/devices"); got.Status != http.StatusOK || !strings.Contains(string(got.Body), `"my/phone"`) || strings.Contains(string(got.Body), "a:b") {
		t.Errorf("devices: %s", got)
	}
	if got := ask(acme, http.MethodDelete, alice, "/devices/my%2Fphone"); got.Status != http.StatusNoContent {
		t.Errorf("delete: %s", got)
	}
	if got := w.as(alice, http.MethodGet, "/api/devices", ""); string(got.Body) != "[]" {
		t.Errorf("devices: %s", got)
	}
	if got := ask(backend, http.MethodGet, uuid.New(), "/notifications"); got.Status != http.StatusOK || string(got.Body) != "[]" {
		t.Errorf("of who is still to come: %s", got)
	}
}

func TestOfOtherUsersABackendSeesNothing(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite, pushHere, handOff)
	bob := uuid.New()
	w.rooms.tenants[bob] = "umbrella"
	paths := map[string]string{"/notifications": http.MethodGet, "/notifications/unread": http.MethodGet, "/devices": http.MethodGet, "/devices/phone": http.MethodDelete}
	refused := func(what string, claims map[string]any, user string, status int, code string) {
		t.Helper()
		for path, method := range paths {
			if got := w.post(claims, "/api/admin/users/"+user+path, "", method); got.Status != status || got.Code() != code {
				t.Errorf("%s, %s: %s", what, path, got)
			}
		}
	}
	acme := map[string]any{"azp": backendClient, "tenant": "acme"}
	refused("another tenant's", acme, bob.String(), http.StatusNotFound, "user-not-found")
	refused("nobody", acme, uuid.NewString(), http.StatusNotFound, "user-not-found")
	refused("no backend", map[string]any{"azp": "web"}, bob.String(), http.StatusForbidden, "forbidden")
	refused("no id", backend, "bob", http.StatusBadRequest, "invalid-id")
	w.rooms.isDown(true)
	refused("rooms is down", acme, bob.String(), http.StatusServiceUnavailable, "rooms-unavailable")
}
