package authn_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one goroutine for the Date header for ever, and one of each server until it next looks up from its sleep.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func logged() (*telemetry.Telemetry, *journal) {
	j := &journal{}
	return telemetry.Discard(slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))), j
}

func silent() *telemetry.Telemetry { return telemetry.Discard(nil) }

func rsaKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// rsaIssuer is an issuer that signs with RS256, as Keycloak does unless told otherwise; the key's id is key-rsa.
func rsaIssuer(tb testing.TB) (*authntest.Issuer, *rsa.PrivateKey) {
	tb.Helper()
	issuer, key := authntest.New(tb), rsaKey(tb)
	issuer.AddKey("key-rsa", key)
	return issuer, key
}

// await polls until there is what is asked for, for half a minute at most.
func await[T any](t *testing.T, poll func() (T, bool)) T {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if value, ok := poll(); ok {
			return value
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come in ten seconds")
		}
	}
}
