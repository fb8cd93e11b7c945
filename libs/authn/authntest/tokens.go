package authntest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TokenServer is an issuer that also gives tokens, to whoever asks, and that is reached at another address than its name.
type TokenServer struct {
	*Issuer
	Address string
	Give    func() string // the token; one of alice unless set
}

// NewTokenServer starts an issuer that gives tokens.
func NewTokenServer(tb testing.TB) *TokenServer {
	tb.Helper()
	s := &TokenServer{Issuer: New(tb)}
	s.Give = func() string { return s.Token(tb, uuid.New(), "alice") }
	name, err := url.Parse(s.URL)
	if err != nil {
		tb.Fatal(err)
	}
	pass := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: name.Scheme, Host: name.Host}) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			pass.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":60}`, s.Give())
	}))
	tb.Cleanup(server.Close)
	s.Address = server.URL + "/realms/ism"
	return s
}
