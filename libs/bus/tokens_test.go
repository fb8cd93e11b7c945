package bus

import (
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// endpoint is a token endpoint that takes a second for each request, and one secret. Its tokens are good for 100 seconds.
type endpoint struct {
	mu     sync.Mutex
	secret string
	asked  int
}

func (e *endpoint) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Second):
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if _, secret, _ := request.BasicAuth(); secret != e.secret {
		return answer(request, http.StatusUnauthorized, `{"error":"invalid_client"}`), nil
	}
	return answer(request, http.StatusOK, fmt.Sprintf(`{"access_token":"%d","token_type":"Bearer","expires_in":100}`, e.asked)), nil
}

func answer(to *http.Request, status int, text string) *http.Response {
	return &http.Response{
		Request: to, StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)),
	}
}

func (e *endpoint) takes(secret string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.secret = secret
}

// tokensOf are those of the endpoint, with a secret in a file.
func tokensOf(t *testing.T, e *endpoint) (got *tokens, log *servicetest.Log, file string) {
	t.Helper()
	file, log = filepath.Join(t.TempDir(), "secret"), &servicetest.Log{}
	writeSecret(t, file, e.secret)
	got = newTokens(OAuth{
		TokenURL: "http://id.example.com/token", ClientID: "ism-rooms", ClientSecret: config.Secret(e.secret), ClientSecretFile: config.SecretFile(file),
	}, slog.New(slog.NewTextHandler(log, nil)))
	got.connect = func() (*http.Client, error) { return &http.Client{Transport: e}, nil }
	return got, log, file
}

func writeSecret(t *testing.T, file, secret string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestATokenIsAskedForOnceForAllClients(t *testing.T) {
	t.Parallel()
	e := &endpoint{secret: "first-secret"}
	synctest.Test(t, func(t *testing.T) {
		tokens, _, _ := tokensOf(t, e)
		var clients sync.WaitGroup
		expect := func(want string) {
			t.Helper()
			for range 20 {
				clients.Go(func() {
					if token, err := tokens.now(t.Context(), ""); err != nil || token.TokenValue != want {
						t.Errorf("a client is given %q, %v, want %q", token.TokenValue, err, want)
					}
				})
			}
			clients.Wait()
		}
		expect("1")
		time.Sleep(24 * time.Second)
		expect("1")
		time.Sleep(time.Second)
		expect("2")
	})
}

func TestTheNextTokenIsGotWithTheSecretThatTheFileHas(t *testing.T) {
	t.Parallel()
	e := &endpoint{secret: "first-secret"}
	synctest.Test(t, func(t *testing.T) {
		tokens, log, file := tokensOf(t, e)
		get := func(has string) (string, error) {
			time.Sleep(time.Second) // a file is looked at once a second
			token, err := tokens.now(t.Context(), has)
			return token.TokenValue, err
		}
		if got, err := get(""); got != "1" || err != nil {
			t.Fatalf("at first it is %q, %v", got, err)
		}
		e.takes("second-secret")
		writeSecret(t, file, "second-secret")
		if got, err := get("1"); got != "2" || err != nil {
			t.Errorf("with another secret it is %q, %v", got, err)
		}
		if text := log.String(); !strings.Contains(text, "with the client secret that its file has by now") || strings.Contains(text, "-secret") {
			t.Errorf("the log says\n%s", text)
		}
	})
}

func TestWhileNoTokenIsGotTheLastOneIsGivenUntilItEnds(t *testing.T) {
	t.Parallel()
	e := &endpoint{secret: "first-secret"}
	synctest.Test(t, func(t *testing.T) {
		tokens, log, file := tokensOf(t, e)
		if _, err := tokens.now(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		e.takes("second-secret")
		time.Sleep(80 * time.Second)
		_, err := tokens.now(t.Context(), "1")
		if err == nil || !strings.Contains(err.Error(), "401") || !strings.Contains(err.Error(), "compare …_OAUTH_CLIENT_ID (ism-rooms) and …_OAUTH_CLIENT_SECRET") {
			t.Errorf("the client that has the token is told %v", err)
		}
		asked := e.asked
		if token, err := tokens.now(t.Context(), ""); err != nil || token.TokenValue != "1" {
			t.Errorf("a client without one is given %q, %v", token.TokenValue, err)
		}
		if e.asked != asked {
			t.Error("a failure is not told to all who ask then")
		}
		time.Sleep(10 * time.Second)
		if _, err := tokens.now(t.Context(), ""); err == nil {
			t.Error("a token that ends is given")
		}
		writeSecret(t, file, "second-secret")
		time.Sleep(time.Second)
		if token, err := tokens.now(t.Context(), "1"); err != nil || token.TokenValue == "1" {
			t.Errorf("with the secret it is %q, %v", token.TokenValue, err)
		}
		if text := log.String(); strings.Count(text, "no token for Kafka is got") != 1 || !strings.Contains(text, "tokens for Kafka are got again") || strings.Contains(text, "-secret") {
			t.Errorf("the log says\n%s", text)
		}
	})
}

// What is no endpoint that gives a token is told in words that say what to do, and without the secret.
func TestWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	const secret = "of-nobody-else"
	ends := time.Now().Add(time.Hour).Truncate(time.Second)
	whole, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(ends)}).SignedString([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect is followed") }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		status     int
		says       string
		withoutCA  bool
		want, also string // "": it is a token
	}{
		"the token says when it ends": {http.StatusOK, `{"access_token":"` + whole + `","token_type":"Bearer"}`, false, "", ""},
		"nothing says when it ends":   {http.StatusOK, `{"access_token":"opaque","token_type":"Bearer"}`, false, "neither the answer (expires_in) nor the token (exp)", ""},
		"no token in it":              {http.StatusOK, `{}`, false, "gives no token", ""},
		"no JSON":                     {http.StatusOK, `<html>`, false, "gives no token", ""},
		"another authority":           {http.StatusOK, `{}`, true, "gives no token", "certificate"},
		"a client that it knows not":  {http.StatusBadRequest, `{"error":"unauthorized_client","error_description":"who is it?"}`, false, "who is it?", "…_OAUTH_CLIENT_SECRET"},
		"a scope that it has not":     {http.StatusBadRequest, `{"error":"invalid_scope"}`, false, "correct …_OAUTH_SCOPE", ""},
		"the secret in the answer":    {http.StatusBadRequest, `{"error":"invalid_client","error_description":"not ` + secret + `"}`, false, "status 400", "compare"},
		"a fault of the server":       {http.StatusInternalServerError, `not ` + secret, false, "status 500", "the server's log"},
		"a redirect":                  {http.StatusTemporaryRedirect, "", false, "status 307", "…_OAUTH_TOKEN_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.says)
			}))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.StartTLS()
			t.Cleanup(server.Close)
			cfg := OAuth{TokenURL: server.URL, ClientID: "ism-rooms", ClientSecret: secret}
			if !c.withoutCA {
				cfg.CAFile = filepath.Join(t.TempDir(), "ca.pem")
				writeSecret(t, cfg.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
			}
			token, err := newTokens(cfg, slog.New(slog.DiscardHandler)).now(t.Context(), "")
			switch {
			case c.want == "" && (err != nil || token.TokenValue != whole || !token.Expiration.Equal(ends)):
				t.Errorf("it is %+v, %v", token, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.also) || strings.Contains(err.Error(), secret)):
				t.Errorf("it is %+v, %v", token, err)
			}
		})
	}
}

func TestWhatIsAskedForAToken(t *testing.T) {
	t.Parallel()
	var body, user, password string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		_ = r.ParseForm()
		body = r.PostForm.Encode()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"a","expires_in":100}`)
	}))
	t.Cleanup(server.Close)
	token, err := newTokens(OAuth{
		TokenURL: server.URL, ClientID: "ism-rooms", ClientSecret: "s", Scope: "kafka more", Extensions: "logicalCluster=lkc-1,identityPoolId=pool-=2",
	}, slog.New(slog.DiscardHandler)).now(t.Context(), "")
	if err != nil || body != "grant_type=client_credentials&scope=kafka+more" || user != "ism-rooms" || password != "s" {
		t.Errorf("it is asked by %s, %s: %s, %v", user, password, body, err)
	}
	if len(token.Extensions) != 2 || token.Extensions["logicalCluster"] != "lkc-1" || token.Extensions["identityPoolId"] != "pool-=2" {
		t.Errorf("the extensions are %v", token.Extensions)
	}
}

// taker stands for a client of librdkafka, and notes what it is given.
type taker struct {
	given  chan string
	refuse error
}

func (c taker) SetOAuthBearerToken(token kafka.OAuthBearerToken) error {
	if c.refuse == nil {
		c.given <- token.TokenValue
	}
	return c.refuse
}

func (c taker) SetOAuthBearerTokenFailure(reason string) error {
	c.given <- reason
	return nil
}

func TestAClientIsGivenATokenOrWhyThereIsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		secret string
		refuse error
		want   string
	}{
		"a token":                   {"", nil, "1"},
		"no token":                  {"other", nil, "…_OAUTH_CLIENT_SECRET"},
		"a token that it cannot be": {"", errors.New("it has no such extension"), "no such extension"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &endpoint{secret: "first-secret"}
				b := New(Config{}, telemetry.Discard(nil))
				b.tokens, _, _ = tokensOf(t, e)
				e.takes(cmp.Or(c.secret, e.secret))
				client := taker{make(chan string, 1), c.refuse}
				bearer := b.newBearer(client)
				defer bearer.end()
				bearer.refresh()
				bearer.refresh() // while one is under way
				if got := <-client.given; !strings.Contains(got, c.want) {
					t.Errorf("it is given %q", got)
				}
				synctest.Wait()
				if e.asked > 2 { // a secret that is refused in a header is tried in the body
					t.Errorf("it is asked for %d times", e.asked)
				}
			})
		})
	}
}

func TestAClientThatIsClosedIsGivenNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{}, telemetry.Discard(nil))
		b.tokens, _, _ = tokensOf(t, &endpoint{secret: "first-secret"})
		client, other := taker{make(chan string, 1), nil}, taker{make(chan string, 1), nil}
		closed, open := b.newBearer(client), b.newBearer(other)
		defer open.end()
		closed.refresh()
		synctest.Wait()
		open.refresh() // it waits for the request of the other
		began := time.Now()
		closed.end()
		closed.refresh()
		if took := time.Since(began); took > 0 {
			t.Errorf("the end waits %s for the token endpoint", took)
		}
		if got := <-other.given; got != "1" {
			t.Errorf("the other client is given %q", got)
		}
		if len(client.given) > 0 {
			t.Error("a client that is closed is given something")
		}
	})
}

// Whoever asks whether the brokers can be reached is told why there is no token, each time.
func TestReadinessTellsWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(server.Close)
	cfg := Config{Brokers: []string{"127.0.0.1:1"}, SecurityProtocol: "sasl_plaintext"}
	cfg.SASLMechanism, cfg.OAuth = oauthBearer, OAuth{TokenURL: server.URL, ClientID: "ism-rooms", ClientSecret: "s"}
	b := New(cfg, telemetry.Discard(nil))
	t.Cleanup(b.Close)
	for range 2 {
		servicetest.Await(t, "it says so", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := b.Ready(ctx)
			return err != nil && strings.Contains(err.Error(), "no new token is got: "+server.URL+" refuses a token with status 503")
		})
	}
}

func TestATokenEndpointThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens, _, _ := tokensOf(t, &endpoint{})
		tokens.connect = func() (*http.Client, error) { return &http.Client{Transport: silent{}}, nil }
		began := time.Now()
		_, err := tokens.now(t.Context(), "")
		if took := time.Since(began); took != tokenTimeout || err == nil || !strings.Contains(err.Error(), "has not answered within 10s") {
			t.Errorf("after %s it is %v", took, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := tokens.now(ctx, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("for a client that has gone it is %v", err)
		}
	})
}

type silent struct{}

func (silent) RoundTrip(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}
