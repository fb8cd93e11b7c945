package httpapi

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
)

// secure runs an internal server by TLS, and gives its authority.
func secure(t *testing.T, options ...option) (*fixture, *certificatestest.Authority) {
	t.Helper()
	authority := certificatestest.NewAuthority(t)
	files := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "rooms", time.Hour), authority.PEM)
	kept := certificates.Keep("the certificates of a test", files, slog.New(slog.DiscardHandler))
	f := run(t, NewInternal, members, append(options, func(_ *Config, deps *Deps) { deps.TLS = kept.Server() })...)
	f.url = strings.Replace(f.url, "http:", "https:", 1)
	return f, authority
}

// show has the fixture's client show a certificate, or none, to servers of the authority.
func (f *fixture) show(t *testing.T, issued *certificatestest.Issued, authority *certificatestest.Authority) {
	t.Helper()
	f.http.CloseIdleConnections()
	f.http.Transport = &http.Transport{TLSClientConfig: clientTLS(t, issued, authority)}
}

func clientTLS(t *testing.T, issued *certificatestest.Issued, authority *certificatestest.Authority) *tls.Config {
	t.Helper()
	shown := certificatestest.Issued{}
	if issued != nil {
		shown = *issued
	}
	files := certificatestest.Write(t, t.TempDir(), shown, authority.PEM)
	if issued == nil {
		files.Certificate, files.Key = "", ""
	}
	cfg, err := certificates.Keep("the certificates of a client", files, slog.New(slog.DiscardHandler)).Client("localhost")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestByTLSTheInternalListenerIsForWhoHasACertificate(t *testing.T) {
	f, authority := secure(t, withProfiles, func(_ *Config, deps *Deps) {
		deps.Accepts = func(authorization string) bool { return authorization == "Bearer ours" }
	})
	ours := authority.Issue(t, "messages", time.Hour)
	f.show(t, nil, authority)
	for _, path := range []string{"/health", "/ready", "/metrics"} {
		if got := f.do(t, http.MethodGet, path, ""); got.status != http.StatusOK {
			t.Errorf("%s, which needs none: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/internal/rooms", "/debug/pprof/", "/nowhere"} { // the secret alone is not enough
		f.do(t, http.MethodGet, path, "", "Authorization", "Bearer ours").problem(t, http.StatusUnauthorized, "service-credential")
	}
	f.show(t, &ours, authority)
	f.do(t, http.MethodGet, "/internal/rooms", "").problem(t, http.StatusUnauthorized, "service-credential") // nor is the certificate
	for _, path := range []string{"/internal/rooms", "/debug/pprof/"} {
		if got := f.do(t, http.MethodGet, path, "", "Authorization", "Bearer ours"); got.status != http.StatusOK {
			t.Errorf("%s with both: %d %s", path, got.status, got.body)
		}
	}
}

func TestByTLSWhoIsNotOfTheAuthorityGetsNothing(t *testing.T) {
	f, authority := secure(t)
	theirs := certificatestest.NewAuthority(t).Issue(t, "messages", time.Hour)
	over := authority.Issue(t, "messages", -time.Minute)
	for name, issued := range map[string]*certificatestest.Issued{"of another authority": &theirs, "whose time is over": &over} {
		f.show(t, issued, authority)
		for _, path := range []string{"/internal/rooms", "/metrics"} {
			if response, err := f.http.Do(f.request(t, http.MethodGet, path, "")); err == nil {
				_ = response.Body.Close()
				t.Errorf("%s with a certificate %s is answered with %d", path, name, response.StatusCode)
			}
		}
	}
	f.http.Transport = &http.Transport{}
	f.url = strings.Replace(f.url, "https:", "http:", 1)
	if response, err := f.http.Do(f.request(t, http.MethodGet, "/internal/rooms", "")); err == nil {
		_ = response.Body.Close()
		t.Errorf("without TLS the answer is %d", response.StatusCode)
	}
}

// What comes by TLS goes through the same gate, and a connection that is refused is closed in order: its client reads the answer, and then the end.
func TestByTLSARequestIsHeldToTheSameRules(t *testing.T) {
	f, authority := secure(t)
	ours := authority.Issue(t, "messages", time.Hour)
	connection, err := tls.Dial("tcp", f.Address(), clientTLS(t, &ours, authority))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "GET /internal/rooms HTTP/1.1\r\nHost: localhost\r\n\r\n"+
		"POST /internal/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(connection)
	if err != nil {
		t.Errorf("the connection ends with %v", err)
	}
	if answers := string(all); !strings.HasPrefix(answers, "HTTP/1.1 200 ") || !strings.Contains(answers, "HTTP/1.1 400 ") || !strings.Contains(answers, "both Content-Length") {
		t.Errorf("the answers are %q", answers)
	}
}

func TestByTLSWhoSendsNothingIsNotWaitedFor(t *testing.T) {
	f, _ := secure(t, func(cfg *Config, _ *Deps) {
		cfg.ReadTimeout, cfg.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	connection, err := net.Dial("tcp", f.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		t.Fatal(err)
	}
	if n, err := connection.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		t.Errorf("who sends nothing reads %d bytes, %v", n, err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // it is the connection's own
	return ok && timeout.Timeout()
}
