package authn

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/valyala/fasthttp"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// source stands for the issuer: what it publishes, whether and how quickly it answers, and when it was asked.
type source struct {
	mu    sync.Mutex
	keys  []jwkset.JWK
	down  bool
	delay time.Duration
	asked []time.Time
}

func (s *source) fetch(ctx context.Context) ([]jwkset.JWK, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("down")
	}
	return s.keys, nil
}

func (s *source) set(change func(s *source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func publicKey(t *testing.T, id string) jwkset.JWK {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: id, ALG: jwkset.AlgEdDSA}})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// start runs a key set until the test ends. Call it in a synctest bubble.
func start(t *testing.T, s *source) *keySet {
	t.Helper()
	fetches := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fetches"}, []string{"result"})
	keys := newKeySet(s.fetch, defaultRefresh, defaultKeyAge, slog.New(slog.DiscardHandler), fetches, prometheus.NewGauge(prometheus.GaugeOpts{Name: "fetched"}))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { keys.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	synctest.Wait()
	return keys
}

func TestKeysAreFetchedUntilThereAreSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}, down: true}
		keys := start(t, s)
		if err := keys.ready(); !errors.Is(err, ErrNoKeys) {
			t.Errorf("ready says %v", err)
		}
		time.Sleep(time.Second)
		if n := len(s.times()); n < 3 || n > 12 {
			t.Errorf("asked %d times in the first second", n)
		}
		time.Sleep(10 * time.Minute)
		if n := len(s.times()); n < 20 || n > 60 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		s.set(func(s *source) { s.down = false })
		time.Sleep(maxRetry)
		if err := keys.ready(); err != nil {
			t.Errorf("ready says %v", err)
		}
	})
}

func TestKeysOutliveAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}}
		keys := start(t, s)
		s.set(func(s *source) { s.down = true })
		time.Sleep(defaultKeyAge - time.Minute)
		if _, err := keys.KeyRead(t.Context(), "a"); err != nil {
			t.Errorf("the key is gone: %v", err)
		}
		if err := keys.ready(); err != nil {
			t.Errorf("ready says %v", err)
		}
		asked := s.times()
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < fetchGap {
				t.Fatalf("asked again after %s", gap)
			}
		}
		s.set(func(s *source) { s.down, s.keys = false, []jwkset.JWK{publicKey(t, "b")} })
		time.Sleep(maxRetry)
		if _, err := keys.KeyRead(t.Context(), "b"); err != nil {
			t.Errorf("the new key is not there: %v", err)
		}
		if _, err := keys.KeyRead(t.Context(), "a"); err == nil {
			t.Error("the withdrawn key is still there")
		}
		if n := testutil.ToFloat64(keys.fetches.WithLabelValues("failed")); n < 1000 {
			t.Errorf("%v failures counted", n)
		}
	})
}

// Who withdraws a key during an outage, or cuts the way to the issuer, gets no more than the time that is configured.
func TestKeysAreNotTrustedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}}
		keys := start(t, s)
		time.Sleep(time.Hour)
		if at := testutil.ToFloat64(keys.fetched); time.Since(time.Unix(int64(at), 0)) > defaultRefresh {
			t.Errorf("fetched at %v", at)
		}
		s.set(func(s *source) { s.down = true })
		time.Sleep(defaultKeyAge - 2*defaultRefresh)
		if err := keys.ready(); err != nil || keys.old() {
			t.Errorf("too old too soon: %v", err)
		}
		time.Sleep(2*defaultRefresh + time.Second)
		if err := keys.ready(); !errors.Is(err, ErrOldKeys) || !keys.old() {
			t.Errorf("ready says %v", err)
		}
		s.set(func(s *source) { s.down = false })
		time.Sleep(maxRetry)
		if err := keys.ready(); err != nil || keys.old() {
			t.Errorf("after the outage ready says %v", err)
		}
	})
}

func TestANewKeyIsFetchedWhenATokenNeedsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}, delay: 50 * time.Millisecond}
		keys := start(t, s)
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.keys = append(s.keys, publicKey(t, "b")) })
		began := time.Now()
		var requests sync.WaitGroup
		for range 100 {
			requests.Go(func() {
				if _, err := keys.KeyRead(t.Context(), "b"); err != nil {
					t.Errorf("the new key is not found: %v", err)
				}
			})
		}
		requests.Wait()
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("took %s", took)
		}
		time.Sleep(time.Minute)
		if n := len(s.times()); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
	})
}

func TestAStormOfUnknownKeyIDsFetchesOnceInFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}, delay: 20 * time.Millisecond}
		keys := start(t, s)
		time.Sleep(time.Minute)
		generation := keys.generation.Load()
		var storm sync.WaitGroup
		for range 50 {
			storm.Go(func() {
				for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
					began := time.Now()
					if _, err := keys.KeyRead(t.Context(), "unknown"); !errors.Is(err, errUnknownKey) {
						t.Errorf("got %v", err)
					}
					if took := time.Since(began); took > s.delay {
						t.Errorf("a request waited for %s", took)
					}
					if _, err := keys.KeyRead(t.Context(), "a"); err != nil {
						t.Errorf("a known key is not found: %v", err)
					}
				}
			})
		}
		storm.Wait()
		asked := s.times()
		if len(asked) < 10 || len(asked) > 14 {
			t.Errorf("asked %d times in a minute", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < fetchGap {
				t.Errorf("asked again after %s", gap)
			}
		}
		if keys.generation.Load() != generation {
			t.Error("the same keys count as new ones")
		}
	})
}

func TestRequestsDoNotQueueBehindASlowIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}}
		keys := start(t, s)
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.delay = time.Hour })
		began := time.Now()
		var requests sync.WaitGroup
		var mu sync.Mutex
		atOnce := 0
		for range 3 * maxWaiting {
			requests.Go(func() {
				if _, err := keys.KeyRead(t.Context(), "unknown"); !errors.Is(err, errUnknownKey) {
					t.Errorf("got %v", err)
				}
				if time.Since(began) == 0 {
					mu.Lock()
					atOnce++
					mu.Unlock()
				}
			})
		}
		requests.Wait()
		if took := time.Since(began); took != maxWait {
			t.Errorf("the last was refused after %s, want %s", took, maxWait)
		}
		if want := 2 * maxWaiting; atOnce != want {
			t.Errorf("%d were refused at once, want %d", atOnce, want)
		}
	})
}

func TestAWaitingRequestGoesWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: []jwkset.JWK{publicKey(t, "a")}}
		keys := start(t, s)
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.delay = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := keys.KeyRead(ctx, "unknown"); err == nil {
			t.Error("an unknown key is found")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// What is remembered of a token ends with the token, and with the key set.
func TestAnAcceptedTokenIsForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accepted, err := newAcceptedTokens(30 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		by := &trust{keys: newKeySet(nil, defaultRefresh, 2*time.Hour, nil, nil, nil)}
		by.keys.generation.Store(1)
		now := time.Now()
		by.keys.fresh.Store(&now)
		digest := [32]byte{1}
		accepted.remember(digest, Principal{Username: "alice", ExpiresAt: time.Now().Add(time.Hour)}, by, 1)
		time.Sleep(time.Hour + 30*time.Second - 1)
		if p, ok := accepted.recall(digest); !ok || p.Username != "alice" {
			t.Error("forgotten too soon")
		}
		by.keys.generation.Store(2)
		if _, ok := accepted.recall(digest); ok {
			t.Error("outlives the key set")
		}
		by.keys.generation.Store(1)
		by.keys.maxAge = time.Hour
		if _, ok := accepted.recall(digest); ok {
			t.Error("outlives the trust in the keys")
		}
		by.keys.maxAge = 2 * time.Hour
		time.Sleep(time.Nanosecond)
		if _, ok := accepted.recall(digest); ok {
			t.Error("outlives the token")
		}
		for i := range 2 * maxAccepted {
			accepted.remember([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, Principal{}, by, 1)
		}
		if n := accepted.entries.Len(); n != maxAccepted {
			t.Errorf("remembers %d tokens, want %d", n, maxAccepted)
		}
	})
}

// Tokens whose issuer has not answered for too long are neither good nor bad: the client is to try again, with the same token.
func TestOldKeysVerifyNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "a", ALG: jwkset.AlgEdDSA}})
		if err != nil {
			t.Fatal(err)
		}
		var log servicetest.Log
		tel := telemetry.Discard(slog.New(slog.NewTextHandler(&log, nil)))
		verifier, err := New(Config{Issuer: "https://id.example.com", Audience: []string{"ism"}, MaxTokenLife: 100 * time.Hour, MaxKeyAge: time.Hour}, tel)
		if err != nil {
			t.Fatal(err)
		}
		s := &source{keys: []jwkset.JWK{key}}
		verifier.trusted[0].keys.fetch = s.fetch
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = verifier.Run(ctx) })
		defer func() { cancel(); running.Wait() }()
		synctest.Wait()
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "https://id.example.com", "aud": "ism", "sub": "alice", "exp": time.Now().Add(99 * time.Hour).Unix()})
		token.Header["kid"] = "a"
		signed, err := token.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(when string, want error) {
			t.Helper()
			for range 2 { // verified, and remembered
				if _, err := verifier.Verify(ctx, signed); !errors.Is(err, want) {
					t.Errorf("%s: %v", when, err)
				}
			}
		}
		expect("at first", nil)
		s.set(func(s *source) { s.down = true })
		time.Sleep(50 * time.Minute)
		expect("within the time", nil)
		time.Sleep(20 * time.Minute)
		expect("after it", ErrOldKeys)
		c := fiber.New().AcquireCtx(&fasthttp.RequestCtx{})
		c.Request().Header.Set("Authorization", "Bearer "+signed)
		if problem, ok := errors.AsType[*httpapi.Problem](verifier.Require()(c)); !ok || problem.Status != http.StatusServiceUnavailable || problem.Code != "issuer-unavailable" {
			t.Errorf("answered with %+v", problem)
		}
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "too old to be trusted") {
			t.Error("the log does not say so")
		}
		s.set(func(s *source) { s.down = false })
		time.Sleep(maxRetry)
		expect("when the issuer answers again", nil)
	})
}
