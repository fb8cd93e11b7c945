package authn_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// newApp is a deployable's public API with one route that needs a token, GET /me: it logs a line and answers with the
// caller's name.
func newApp(tel *telemetry.Telemetry, verifier *authn.Verifier) *fiber.App {
	server := httpapi.New(httpapi.Config{
		BodyLimit: 1 << 18, HeaderLimit: 1 << 14, ReadTimeout: 10 * time.Second, HandlerTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second,
	}, httpapi.Deps{Service: "test", Telemetry: tel, Draining: make(chan struct{})})
	server.App.Get("/me", verifier.Require(), func(c *fiber.Ctx) error {
		tel.Log.InfoContext(c.UserContext(), "handled")
		return c.SendString(authn.Caller(c).Username)
	})
	return server.App
}

// serve runs the app on a loopback port until the test ends.
func serve(t *testing.T, app *fiber.App) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := app.Listener(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := app.Shutdown(); err != nil {
			t.Errorf("shut down: %v", err)
		}
		serving.Wait()
	})
	return "http://" + listener.Addr().String()
}

// get asks with the given Authorization headers.
func get(t *testing.T, url string, authorization ...string) (response *http.Response, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range authorization {
		request.Header.Add("Authorization", value)
	}
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestRequireLetsTheBearerThrough(t *testing.T) {
	issuer := authntest.New(t)
	tel, journal := logged()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	tel.Tracer = provider
	app := serve(t, newApp(tel, issuer.Verifier(t, tel)))
	user := uuid.New()
	token := issuer.Token(t, user, "alice")
	for _, authorization := range []string{"Bearer " + token, "bearer " + token, "BEARER " + token, "bEaReR   " + token} {
		response, body := get(t, app+"/me", authorization)
		if response.StatusCode != http.StatusOK || body != "alice" {
			t.Errorf("%.10s…: got %s %s", authorization, response.Status, body)
		}
	}
	handled := false
	for line := range strings.Lines(journal.String()) {
		if strings.Contains(line, "msg=handled") {
			handled = true
			if !strings.Contains(line, "user_id="+user.String()) {
				t.Errorf("the handler's log line lacks the user: %s", line)
			}
		}
		if strings.Contains(line, token[len(token)-20:]) {
			t.Error("the token is in the log")
		}
	}
	if !handled {
		t.Error("the handler's log line is missing")
	}
	await(t, func() (struct{}, bool) {
		for _, span := range spans.Ended() {
			for _, attr := range span.Attributes() {
				if attr == attribute.String("enduser.id", user.String()) {
					return struct{}{}, true
				}
			}
		}
		return struct{}{}, false
	})
}

// Whatever is wrong, the answer is the same, so that it tells an attacker nothing. The reason is in the log.
func TestEveryRejectionIsTheSame401(t *testing.T) {
	issuer := authntest.New(t)
	tel, journal := logged()
	app := serve(t, newApp(tel, issuer.Verifier(t, tel)))
	genuine := issuer.Token(t, uuid.New(), "alice")
	expired := issuer.Claims(uuid.New(), "alice")
	expired["exp"] = time.Now().Add(-time.Hour).Unix()
	idToken := issuer.Claims(uuid.New(), "alice")
	idToken["typ"] = "ID"

	var first string
	for _, test := range []struct {
		name, query, reason string
		authorization       []string
	}{
		{name: "no token", reason: "not exactly one Authorization header"},
		{name: "empty header", authorization: []string{""}, reason: "no bearer token"},
		{name: "only the scheme", authorization: []string{"Bearer"}, reason: "no bearer token"},
		{name: "only the scheme and a space", authorization: []string{"Bearer "}, reason: "no bearer token"},
		{name: "Basic", authorization: []string{"Basic YWxpY2U6YWxpY2U="}, reason: "no bearer token"},
		{name: "no scheme", authorization: []string{genuine}, reason: "no bearer token"},
		{name: "another scheme", authorization: []string{"Token " + genuine}, reason: "no bearer token"},
		{name: "DPoP", authorization: []string{"DPoP " + genuine}, reason: "no bearer token"},
		{name: "two headers", authorization: []string{"Bearer " + genuine, "Bearer " + genuine}, reason: "not exactly one"},
		{name: "two headers, one forged", authorization: []string{"Bearer " + genuine, "Bearer x.y.z"}, reason: "not exactly one"},
		{name: "two tokens", authorization: []string{"Bearer " + genuine + ", Bearer " + genuine}, reason: "segments"},
		{name: "in the query", query: "?access_token=" + genuine, reason: "not exactly one"},
		{name: "as token in the query", query: "?token=" + genuine, reason: "not exactly one"},
		{name: "garbage", authorization: []string{"Bearer x.y.z"}, reason: "base64url"},
		{name: "expired", authorization: []string{"Bearer " + issuer.Sign(t, expired)}, reason: "expired"},
		{name: "ID token", authorization: []string{"Bearer " + issuer.Sign(t, idToken)}, reason: "no access token"},
		{name: "tampered", authorization: []string{"Bearer " + genuine[:len(genuine)-8] + "AAAAAAAA"}, reason: "signature is invalid"},
		{name: "12 KB", authorization: []string{"Bearer " + strings.Repeat("a", 12_000)}, reason: "segments"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(journal.String())
			response, body := get(t, app+"/me"+test.query, test.authorization...)
			if response.StatusCode != http.StatusUnauthorized {
				t.Fatalf("got %s", response.Status)
			}
			if got := response.Header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != "Bearer" {
				t.Errorf("WWW-Authenticate is %q", got)
			}
			if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
				t.Errorf("Content-Type is %q", got)
			}
			var problem map[string]any
			if err := json.Unmarshal([]byte(body), &problem); err != nil {
				t.Fatal(err)
			}
			for _, own := range []string{"timestamp", "traceId", "instance", "requestId"} { // of this one answer
				delete(problem, own)
			}
			said := fmt.Sprint(problem)
			if first == "" {
				first = said
			}
			if said != first || problem["code"] != "unauthorized" || problem["errorCode"] != "UNAUTHORIZED" {
				t.Errorf("got %s, want %s", said, first)
			}
			lines := journal.String()[before:]
			if !strings.Contains(lines, test.reason) {
				t.Errorf("the log does not say %q: %s", test.reason, lines)
			}
			if strings.Contains(lines, "level=ERROR") {
				t.Errorf("a client's fault is logged as an error: %s", lines)
			}
			for _, value := range test.authorization {
				if len(value) > 30 && strings.Contains(lines, value[len(value)-20:]) {
					t.Errorf("the token is in the log: %s", lines)
				}
			}
		})
	}
}

// A megabyte of token does not reach the verifier: the listener bounds headers.
func TestAMegabyteOfToken(t *testing.T) {
	issuer := authntest.New(t)
	app := serve(t, newApp(silent(), issuer.Verifier(t, silent())))
	connection, err := net.Dial("tcp", strings.TrimPrefix(app, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may hang up before all of it is sent.
	_, _ = fmt.Fprintf(connection, "GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", strings.Repeat("a", 1<<20))
	answer, _ := io.ReadAll(connection)
	if strings.HasPrefix(string(answer), "HTTP/1.1 2") {
		t.Errorf("got %.100s", answer)
	}
	if response, body := get(t, app+"/me", "Bearer "+issuer.Token(t, uuid.New(), "alice")); response.StatusCode != http.StatusOK || body != "alice" {
		t.Errorf("afterwards: %s", response.Status)
	}
}

func TestWithoutKeysNothingIsVerified(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	verifier, err := authn.New(authn.Config{Issuer: down.URL, Audience: []string{"any"}}, silent())
	if err != nil {
		t.Fatal(err)
	}
	app := serve(t, newApp(silent(), verifier))
	response, body := get(t, app+"/me", "Bearer "+authntest.New(t).Token(t, uuid.New(), "alice"))
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "1" || !strings.Contains(body, `"issuer-unavailable"`) {
		t.Errorf("got %s %s", response.Status, body)
	}
	// What is no token at all needs no keys to be refused.
	if response, _ := get(t, app+"/me"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s", response.Status)
	}
	if response, _ := get(t, app+"/me", "Bearer garbage"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s", response.Status)
	}
}

func TestCallerNeedsRequire(t *testing.T) {
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error {
		defer func() {
			if recover() == nil {
				t.Error("Caller invents a principal")
			}
		}()
		authn.Caller(c)
		return nil
	})
	response, err := app.Test(httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}
