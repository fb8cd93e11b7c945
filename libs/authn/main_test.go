package authn_test

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"testing"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func logged() (*telemetry.Telemetry, *servicetest.Log) {
	j := &servicetest.Log{}
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

// await waits for a value.
func await[T any](t *testing.T, poll func() (T, bool)) T {
	t.Helper()
	var value T
	servicetest.Await(t, "a value", func() (there bool) {
		value, there = poll()
		return there
	})
	return value
}
