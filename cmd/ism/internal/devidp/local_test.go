package devidp_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// pages are all that the provider answers.
func pages() map[string]func() *http.Request {
	return map[string]func() *http.Request{
		"discovery": func() *http.Request {
			return httptest.NewRequest(http.MethodGet, devidp.Path+"/.well-known/openid-configuration", http.NoBody)
		},
		"keys": func() *http.Request {
			return httptest.NewRequest(http.MethodGet, devidp.Path+"/protocol/openid-connect/certs", http.NoBody)
		},
		"token": func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, devidp.Path+"/protocol/openid-connect/token", strings.NewReader(password("alice", "alice")))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		},
		"sign-in": func() *http.Request {
			return httptest.NewRequest(http.MethodGet, devidp.Path+"/protocol/openid-connect/auth?"+asked(nil).Encode(), http.NoBody)
		},
		"sign-out": func() *http.Request {
			return httptest.NewRequest(http.MethodGet, devidp.Path+"/protocol/openid-connect/logout", http.NoBody)
		},
	}
}

// behind is a server with the provider, as the one process has it.
func behind(t *testing.T, cfg httpapi.Config) *httpapi.Server {
	t.Helper()
	const issuer = "http://localhost:5403" + devidp.Path
	provider, err := devidp.New(devidp.Config{Dir: t.TempDir(), Issuer: issuer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.New(cfg, httpapi.Deps{Service: "ism", Telemetry: telemetry.Discard(nil)})
	provider.Routes(server.App)
	return server
}

func TestNobodyElsewhereIsAnswered(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Host = name }
	}
	server := behind(t, httpapi.Config{BodyLimit: 4096, HeaderLimit: 4096, CORSOrigins: []string{"https://app.example.com"}, CORSLoopback: true})
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"localhost":                  {host("localhost:5403"), 200},
		"in capitals":                {host("LOCALHOST:5403"), 200},
		"another port":               {host("localhost:5173"), 200},
		"without a port":             {host("127.0.0.1"), 200},
		"IPv6":                       {host("[::1]:5403"), 200},
		"IPv6 without a port":        {host("[::1]"), 200},
		"a page of this machine":     {header("Origin", "http://localhost:5173"), 200},
		"a name":                     {host("chat.example.com"), 421},
		"a name that looks local":    {host("localhost.example.com:5403"), 421},
		"an address of elsewhere":    {host("192.168.1.2:5403"), 421},
		"every address":              {host("0.0.0.0:5403"), 421},
		"rebound":                    {host("127.0.0.1.nip.io:5403"), 421},
		"a list of hosts":            {host("localhost,chat.example.com"), 421},
		"X-Forwarded-For":            {header("X-Forwarded-For", "127.0.0.1"), 403},
		"X-Forwarded-Host":           {header("X-Forwarded-Host", "localhost"), 403},
		"X-Forwarded-Proto":          {header("x-forwarded-proto", "https"), 403},
		"X-Real-IP":                  {header("X-Real-IP", "203.0.113.7"), 403},
		"Forwarded":                  {header("Forwarded", "for=203.0.113.7"), 403},
		"Via":                        {header("Via", "1.1 proxy"), 403},
		"a forwarded nothing":        {header("X-Forwarded-For", ""), 403},
		"CDN":                        {header("CF-Connecting-IP", "203.0.113.7"), 403},
		"a page of elsewhere":        {header("Origin", "https://evil.example.com"), 403},
		"a page that may call":       {header("Origin", "https://app.example.com"), 403},
		"a page without an origin":   {header("Origin", "null"), 403},
		"an origin that looks local": {header("Origin", "http://localhost.example.com"), 403},
	} {
		t.Run(name, func(t *testing.T) {
			for page, request := range pages() {
				r := request()
				r.Host = "localhost:5403"
				c.change(r)
				response, err := server.App.Test(r)
				if err != nil {
					t.Fatal(err)
				}
				var body map[string]any
				if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
					if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
						t.Fatal(err)
					}
				}
				_ = response.Body.Close()
				if response.StatusCode != c.status || c.status != http.StatusOK && body["code"] != "development-only" {
					t.Errorf("%s: %d, %v", page, response.StatusCode, body)
				}
				if body["access_token"] != nil && c.status != http.StatusOK {
					t.Errorf("%s: a token was given", page)
				}
			}
		})
	}
}
