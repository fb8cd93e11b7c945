package httpapi

import (
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func withProfiles(cfg *Config, _ *Deps) { cfg.PProf = true }

func members(app *fiber.App) {
	app.Get("/internal/rooms", func(c *fiber.Ctx) error { return c.SendString("alice") })
}

func TestTheInternalListenerIsForWhoShowsTheCredential(t *testing.T) {
	f := run(t, NewInternal, members, withProfiles, func(_ *Config, deps *Deps) {
		deps.Accepts = func(authorization string) bool { return authorization == "Bearer ours" }
	})
	for _, path := range []string{"/health", "/ready", "/metrics"} {
		if got := f.do(t, http.MethodGet, path, ""); got.status != http.StatusOK {
			t.Errorf("%s, which needs none: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/internal/rooms", "/debug/pprof/", "/debug/pprof/heap", "/nowhere"} {
		for _, shown := range []string{"", "ours", "Bearer theirs", "Bearer "} {
			got := f.do(t, http.MethodGet, path, "", "Authorization", shown)
			got.problem(t, http.StatusUnauthorized, "service-credential")
			if got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %q: %v", path, shown, got.header)
			}
		}
	}
	for _, path := range []string{"/internal/rooms", "/debug/pprof/"} {
		if got := f.do(t, http.MethodGet, path, "", "Authorization", "Bearer ours"); got.status != http.StatusOK {
			t.Errorf("%s with the credential: %d %s", path, got.status, got.body)
		}
	}
}

func TestProfilesAreOff(t *testing.T) {
	f := run(t, NewInternal, nil)
	f.do(t, http.MethodGet, "/debug/pprof/", "").problem(t, http.StatusNotFound, "not-found")
	f.do(t, http.MethodGet, "/debug/pprof/profile?seconds=1", "").problem(t, http.StatusNotFound, "not-found")
}

// A page in a browser on this machine may have a name that leads to loopback: what it asks for has that name in Host.
func TestOnLoopbackTheInternalListenerHasNoOtherName(t *testing.T) {
	f := run(t, NewInternal, members)
	for host, refused := range map[string]bool{
		"": false, "localhost": false, "localhost:9403": false, "127.0.0.1": false, "[::1]:9403": false,
		"evil.example.com": true, "evil.example.com:9403": true, "localhost.evil.example.com": true, "10.0.0.7:9403": true, "rooms:9403": true,
	} {
		for _, path := range []string{"/internal/rooms", "/metrics"} {
			request := f.request(t, http.MethodGet, path, "")
			request.Host = host
			if got := f.send(t, request); !refused && got.status != http.StatusOK {
				t.Errorf("%s of %q: %d %s", path, host, got.status, got.body)
			} else if refused {
				got.problem(t, http.StatusMisdirectedRequest, "wrong-host")
			}
		}
	}
}

func TestWhatIsOnLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:9403": true, "127.8.0.1:9403": true, "localhost:9403": true, "[::1]:9403": true, "[::1]": true, "::1": true,
		":9403": false, "0.0.0.0:9403": false, "[::]:9403": false, "10.0.0.7:9403": false, "rooms:9403": false, "": false,
	} {
		if OnLoopback(address) != want {
			t.Errorf("%q: %t", address, !want)
		}
	}
}
