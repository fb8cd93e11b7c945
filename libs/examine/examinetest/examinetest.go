// Package examinetest runs checks in tests and compares what they find.
package examinetest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
)

// Survey fills the configuration that cfg points to from variables, NAME=value.
func Survey(t *testing.T, cfg any, variables ...string) config.Findings {
	t.Helper()
	found, err := config.Survey(variables, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Find makes the checks, and gives what one of them found.
func Find(t *testing.T, checks []examine.Check, name string) examine.Finding {
	t.Helper()
	findings := examine.Run(t.Context(), checks)
	for _, f := range findings {
		if f.Check == name {
			return f
		}
	}
	t.Fatalf("there is no finding %q among %v", name, findings)
	return examine.Finding{}
}

// Look gives what one look finds.
func Look(t *testing.T, look examine.Look) []examine.Finding {
	t.Helper()
	return examine.Run(t.Context(), []examine.Check{{Look: look}})
}

// Expect compares a finding with a result, and with words that must be in what was found or in what to do.
func Expect(t *testing.T, got examine.Finding, result examine.Result, words ...string) {
	t.Helper()
	if got.Result != result {
		t.Errorf("%s is %s, expected %s: %s", got.Check, got.Result, result, got.Found)
	}
	if got.Result == examine.Fault && got.Do == "" {
		t.Errorf("%s does not say what to do: %s", got.Check, got.Found)
	}
	for _, word := range words {
		if !strings.Contains(got.Found+"\n"+got.Do, word) {
			t.Errorf("%s does not say %q: %s\ndo: %s", got.Check, word, got.Found, got.Do)
		}
	}
}

// ClosedPort is an address at which nothing listens.
func ClosedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	return listener.Addr().String()
}

// Serve gives the URL of a server that answers with the handler. It ends what is still being answered when the test ends.
func Serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}
