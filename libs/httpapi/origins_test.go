package httpapi

import (
	"net/http"
	"testing"
)

func TestPagesOnThisMachineMayCallWhereThatIsLetBe(t *testing.T) {
	const configured = "https://app.example.com"
	open := serve(t, nil, func(cfg *Config, _ *Deps) { cfg.CORSLoopback, cfg.CORSOrigins = true, []string{configured} })
	closed := serve(t, nil, func(cfg *Config, _ *Deps) { cfg.CORSOrigins = []string{configured} })
	for origin, local := range map[string]bool{
		"http://localhost": true, "http://localhost:5173": true, "http://127.0.0.1:8080": true, "http://[::1]:3000": true,
		"https://localhost:5173": false, "http://localhost.evil.example": false, "http://localhost:80@evil.example": false,
		"http://127.0.0.1.evil.example:80": false, "http://127.0.0.2": false, "http://[::2]": false, "null": false, "http://": false,
		"http://localhost/": false, "http://evil.example#localhost": false,
	} {
		for f, want := range map[*fixture]bool{open: local, closed: false} {
			preflight := f.do(t, http.MethodOptions, "/health", "", "Origin", origin, "Access-Control-Request-Method", "GET")
			got := f.do(t, http.MethodGet, "/health", "", "Origin", origin)
			for _, answer := range []answer{preflight, got} {
				if allowed := answer.header.Get("Access-Control-Allow-Origin"); (allowed == origin) != want || !want && allowed != "" {
					t.Errorf("%s: %d %v", origin, answer.status, answer.header)
				}
			}
		}
	}
	if got := open.do(t, http.MethodGet, "/health", "", "Origin", configured); got.header.Get("Access-Control-Allow-Origin") != configured {
		t.Errorf("the configured origin: %v", got.header)
	}
}
