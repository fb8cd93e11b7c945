package doctor

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/authn/authntest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// gocql does not wait for what it begins when others change a schema
		goleak.IgnoreAnyFunction("github.com/gocql/gocql.(*Session).handleSchemaEvent"),
		// Librdkafka's Go client ends this some time after the client is closed.
		goleak.IgnoreAnyFunction("github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).waitTerminated"))
}

// doctorFor makes a doctor with a command line and variables, and with little patience.
func doctorFor(t *testing.T, target string, variables ...string) *doctor {
	t.Helper()
	opts, err := parse([]string{"-target", target}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	known, err := readSettings(variables)
	if err != nil {
		t.Fatal(err)
	}
	d := newDoctor(opts, known)
	d.patience = patience{first: 300 * time.Millisecond, late: 300 * time.Millisecond, longest: time.Second}
	t.Cleanup(d.bus.Close)
	return d
}

// find makes the checks of a group, and gives what one of them found.
func find(t *testing.T, checks []check, name string) Finding {
	t.Helper()
	findings := runAll(t.Context(), checks)
	for _, f := range findings {
		if f.Check == name {
			return f
		}
	}
	t.Fatalf("there is no finding %q among %v", name, findings)
	return Finding{}
}

// expect judges a finding: its result, and words that must be in what was found and in what to do.
func expect(t *testing.T, got Finding, result Result, words ...string) {
	t.Helper()
	if got.Result != result {
		t.Errorf("%s is %s, expected %s: %s", got.Check, got.Result, result, got.Found)
	}
	if got.Result == Fault && got.Do == "" {
		t.Errorf("%s does not say what to do: %s", got.Check, got.Found)
	}
	for _, word := range words {
		if !strings.Contains(got.Found+"\n"+got.Do, word) {
			t.Errorf("%s does not tell %q: %s\ndo: %s", got.Check, word, got.Found, got.Do)
		}
	}
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	return listener.Addr().String()
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// tokenServer is an issuer that also gives tokens, behind another address than its name.
type tokenServer struct {
	*authntest.Issuer
	address string
	token   func() string
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	s := &tokenServer{Issuer: authntest.New(t)}
	s.token = func() string { return s.Token(t, uuid.New(), "alice") }
	name, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	pass := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: name.Scheme, Host: name.Host}) }}
	s.address = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			pass.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":60}`, s.token())
	}) + "/realms/ism"
	return s
}

// variables are what a service is configured with to use the issuer.
func (s *tokenServer) variables(more ...string) []string {
	return append([]string{"ISM_OIDC_ISSUER=" + s.URL, "ISM_OIDC_ADDRESS=" + s.address, "ISM_REALTIME_KEEP_ALIVE=100ms"}, more...)
}

// standIn is a gateway whose answers a test can break, one route at a time.
type standIn map[string]http.HandlerFunc

func (s standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if broken, ok := s[r.URL.Path]; ok {
		broken(w, r)
		return
	}
	switch r.URL.Path {
	case "/":
		fmt.Fprint(w, "Hello, world! I'm your new ISM. 🤗")
	case "/health":
		fmt.Fprint(w, "Healthy")
	case "/api/rooms":
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="ism"`)
			problem(w, http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "[]")
	case "/api/sse":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 1000\nid: 0-1\n\n")
		w.(http.Flusher).Flush()
		for range 3 {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
			fmt.Fprint(w, ":\n")
			w.(http.Flusher).Flush()
		}
	default:
		problem(w, http.StatusNotFound)
	}
}

func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprint(w, "{}")
}
