package notifications_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications"
)

// pushHere lets Web Push go to push services of tests.
func pushHere(cfg *notifications.Config) {
	cfg.Push = notifications.PushConfig{TTL: time.Hour, Preview: "full", AllowHTTP: true, AllowedNetworks: []string{"127.0.0.1/32"}}
	cfg.VAPID.Subject = "mailto:ops@example.com"
}

// handOff hands off to a topic.
func handOff(cfg *notifications.Config) { cfg.Push.Topic = "push" }

const (
	// The keys of RFC 8291, appendix A.
	browserKey  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	browserAuth = "BTBZMqHH6r4Tts7J_aSIgg"
)

func webPush(id, endpoint string) string {
	return fmt.Sprintf(`{"deviceId":%q,"kind":"WebPush","subscription":{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}}`, id, endpoint, browserKey, browserAuth)
}

func TestDevicesAreRegistered(t *testing.T) {
	t.Parallel()
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, open, pushHere, handOff)
			alice := uuid.New()
			for _, body := range []string{
				webPush("laptop", "https://push.example/1"), `{"deviceId":"phone","kind":"Fcm","token":"a:b"}`, webPush("laptop", "https://push.example/2"),
			} {
				if got := w.as(alice, http.MethodPost, "/api/devices", body); got.Status != http.StatusOK {
					t.Fatalf("%s: %s", body, got)
				}
			}
			listed := func(want ...string) {
				t.Helper()
				got := w.as(alice, http.MethodGet, "/api/devices", "")
				var devices []struct{ DeviceID, Kind string }
				if err := json.Unmarshal(got.Body, &devices); err != nil || got.Status != http.StatusOK {
					t.Fatalf("devices: %s, %v", got, err)
				}
				ids := []string{}
				for _, d := range devices {
					ids = append(ids, d.DeviceID+" "+d.Kind)
				}
				if fmt.Sprint(ids) != fmt.Sprint(want) {
					t.Errorf("devices are %v, want %v", ids, want)
				}
				if strings.Contains(string(got.Body), "push.example") {
					t.Errorf("a capability is shown: %s", got)
				}
			}
			listed("phone Fcm", "laptop WebPush")
			for range 2 {
				if got := w.as(alice, http.MethodDelete, "/api/devices/phone", ""); got.Status != http.StatusNoContent {
					t.Errorf("delete: %s", got)
				}
			}
			listed("laptop WebPush")
			first, again := w.as(alice, http.MethodGet, "/api/devices/vapid", ""), w.as(uuid.New(), http.MethodGet, "/api/devices/vapid", "")
			if first.Status != http.StatusOK || string(first.Body) != string(again.Body) || !strings.Contains(string(first.Body), `"publicKey":"B`) {
				t.Errorf("the public key: %s, then %s", first, again)
			}
		})
	}
}

func TestBadDevicesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite, pushHere, handOff)
	good := webPush("laptop", "https://push.example/1")
	for name, body := range map[string]string{
		"no id":             `{"kind":"Fcm","token":"a"}`,
		"a long id":         `{"deviceId":"` + strings.Repeat("x", 101) + `","kind":"Fcm","token":"a"}`,
		"a space":           `{"deviceId":"my phone","kind":"Fcm","token":"a"}`,
		"no kind":           `{"deviceId":"a","token":"a"}`,
		"no token":          `{"deviceId":"a","kind":"Apns"}`,
		"a long token":      `{"deviceId":"a","kind":"Apns","token":"` + strings.Repeat("x", 1025) + `"}`,
		"no subscription":   `{"deviceId":"a","kind":"WebPush"}`,
		"no endpoint":       webPush("a", ""),
		"metadata":          webPush("a", "http://169.254.169.254/latest"),
		"a private network": webPush("a", "https://10.0.0.1/"),
		"a password":        webPush("a", "https://a:b@push.example/"),
		"a short key":       strings.Replace(good, browserKey, browserKey[4:], 1),
		"no point":          strings.Replace(good, browserKey, "BA"+strings.Repeat("A", 85), 1),
		"a short secret":    strings.Replace(good, browserAuth, "AAAA", 1),
	} {
		if got := w.as(uuid.New(), http.MethodPost, "/api/devices", body); got.Status != http.StatusUnprocessableEntity || got.Code() != "invalid-request" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWherePushIsOffThatIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite)
	for _, body := range []string{webPush("laptop", "https://push.example/1"), `{"deviceId":"phone","kind":"Fcm","token":"a:b"}`} {
		if got := w.as(uuid.New(), http.MethodPost, "/api/devices", body); got.Status != http.StatusUnprocessableEntity || got.Code() != "push-off" {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := w.as(uuid.New(), http.MethodGet, "/api/devices/vapid", ""); got.Status != http.StatusNotFound || got.Code() != "push-off" {
		t.Errorf("the public key: %s", got)
	}
}

func TestPushSettings(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite)
	alice, room := uuid.New(), "0192d3a0-0000-7000-8000-00000000000a"
	want := func(what string, got string, want string) {
		t.Helper()
		if strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	put := func(body string) string {
		return string(w.as(alice, http.MethodPut, "/api/notify/settings", body).Body)
	}
	want("nothing", string(w.as(alice, http.MethodGet, "/api/notify/settings", "").Body), `{"level":"all","mutedUntil":null,"rooms":[]}`)
	want("mentions", put(`{"level":"mentions","mutedUntil":"2999-01-01T00:00:00Z"}`), `{"level":"mentions","mutedUntil":"2999-01-01T00:00:00.000000Z","rooms":[]}`)
	want("over", put(`{"level":"mentions","mutedUntil":"1999-01-01T00:00:00Z"}`), `{"level":"mentions","mutedUntil":null,"rooms":[]}`)
	want("a room", put(`{"roomId":"`+room+`","level":"all"}`), `{"level":"mentions","mutedUntil":null,"rooms":[{"roomId":"`+room+`","level":"all","mutedUntil":null}]}`)
	want("a muted room", put(`{"roomId":"`+room+`","level":"default","mutedUntil":"2999-01-01T00:00:00Z"}`),
		`{"level":"mentions","mutedUntil":null,"rooms":[{"roomId":"`+room+`","level":"default","mutedUntil":"2999-01-01T00:00:00.000000Z"}]}`)
	want("as all", put(`{"roomId":"`+room+`","level":"default"}`), `{"level":"mentions","mutedUntil":null,"rooms":[]}`)
	want("as before", put(`{"level":"all"}`), `{"level":"all","mutedUntil":null,"rooms":[]}`)
	for _, body := range []string{`{}`, `{"level":"loud"}`, `{"level":"default"}`, `{"roomId":"x","level":"all"}`, `{"level":"all","mutedUntil":"12000-01-01T00:00:00Z"}`} {
		if got := w.as(alice, http.MethodPut, "/api/notify/settings", body); got.Status != http.StatusUnprocessableEntity && got.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", body, got)
		}
	}
}

func TestSettingsOfPush(t *testing.T) {
	var good notifications.Config
	pushHere(&good)
	if faults := append(good.Push.Validate(), good.VAPID.Validate()...); len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
	for variable, change := range map[string]func(c *notifications.Config){
		"TOPIC":            func(c *notifications.Config) { c.Push.Topic = "ism.rooms" },
		"GRACE":            func(c *notifications.Config) { c.Push.Grace = 9 * time.Second },
		"TTL":              func(c *notifications.Config) { c.Push.TTL = 1000 * time.Hour },
		"PREVIEW":          func(c *notifications.Config) { c.Push.Preview = "some" },
		"ALLOWED_NETWORKS": func(c *notifications.Config) { c.Push.AllowedNetworks = []string{"here"} },
		"SUBJECT":          func(c *notifications.Config) { c.VAPID.Subject = "ops" },
		"PRIVATE_KEY":      func(c *notifications.Config) { c.VAPID.PublicKey = browserKey },
		"PUBLIC_KEY": func(c *notifications.Config) {
			c.VAPID.PrivateKey, c.VAPID.PublicKey = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "BB"
		},
	} {
		c := good
		change(&c)
		if faults := append(c.Push.Validate(), c.VAPID.Validate()...); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("%s: %+v", variable, faults)
		}
	}
}
