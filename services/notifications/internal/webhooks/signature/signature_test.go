package signature_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/ism-chat/ism/services/notifications/internal/webhooks/signature"
)

const (
	id   = "0192d3a0-0000-7000-8000-000000000001"
	body = `{"text":"ä 🥣"}`
)

func newSecret(t *testing.T, scheme signature.Scheme) signature.Secret {
	t.Helper()
	secret, err := signature.New(scheme)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func signed(secrets ...signature.Secret) http.Header {
	header := http.Header{}
	signature.Sign(header, id, time.Now(), []byte(body), secrets...)
	return header
}

// verify verifies with the public library of the specification.
func verify(t *testing.T, secret signature.Secret, body string, header http.Header) error {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Verify([]byte(body), header)
}

func TestThePublicLibraryTakesTheSignature(t *testing.T) {
	secret, another := newSecret(t, signature.Symmetric), newSecret(t, signature.Symmetric)
	header := signed(secret)
	if err := verify(t, secret, body, header); err != nil {
		t.Error(err)
	}
	if err := verify(t, another, body, header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
		t.Errorf("with another secret: %v", err)
	}
	if err := verify(t, secret, body+" ", header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
		t.Errorf("another body: %v", err)
	}
	// The library's own signature is the same.
	webhook, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 999)
	want, err := webhook.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	got := http.Header{}
	signature.Sign(got, id, at, []byte(body), secret)
	if got.Get("webhook-signature") != want || got.Get("webhook-timestamp") != "1700000000" || got.Get("webhook-id") != id {
		t.Errorf("signed is %v, want %s", got, want)
	}
}

// While a secret is rotated both verify.
func TestEachOfSeveralSecretsVerifies(t *testing.T) {
	former, current, public := newSecret(t, signature.Symmetric), newSecret(t, signature.Symmetric), newSecret(t, signature.Asymmetric)
	header := signed(former, current, public)
	for _, secret := range []signature.Secret{former, current} {
		if err := verify(t, secret, body, header); err != nil {
			t.Error(err)
		}
	}
	verifyPublic(t, public, header)
}

// verifyPublic verifies as the specification says, as its library for Go knows v1 alone.
func verifyPublic(t *testing.T, secret signature.Secret, header http.Header) {
	t.Helper()
	encoded, ok := strings.CutPrefix(secret.Verifier(), "whpk_")
	if !ok {
		t.Fatalf("the public key is %s", secret.Verifier())
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != ed25519.PublicKeySize {
		t.Fatalf("the public key is %s: %v", encoded, err)
	}
	for _, one := range strings.Split(header.Get("webhook-signature"), " ") {
		if text, ok := strings.CutPrefix(one, "v1a,"); ok {
			code, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			if !ed25519.Verify(key, fmt.Appendf(nil, "%s.%s.%s", id, header.Get("webhook-timestamp"), body), code) {
				t.Error("the signature is of another key")
			}
			return
		}
	}
	t.Errorf("there is no v1a in %v", header)
}

func TestASecretIsReadAsItIsWritten(t *testing.T) {
	for scheme, prefix := range map[signature.Scheme]string{signature.Symmetric: "whsec_", signature.Asymmetric: "whsk_"} {
		secret := newSecret(t, scheme)
		again, err := signature.Parse(secret.Reveal())
		if err != nil || again.Reveal() != secret.Reveal() || again.Scheme() != scheme || !strings.HasPrefix(secret.Reveal(), prefix) {
			t.Errorf("%s: %v", scheme, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, secret); strings.Contains(shown, secret.Reveal()[8:20]) {
			t.Errorf("%s: it is shown", scheme)
		}
	}
	if _, err := signature.New("v2"); err == nil {
		t.Error("there is a scheme v2")
	}
	encoded := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, text := range []string{"", "whsec_", "whsec_" + encoded(23), "whsec_" + encoded(65), "whsk_" + encoded(63), "whpk_" + encoded(32), encoded(32), "whsec_*"} {
		if _, err := signature.Parse(text); !errors.Is(err, signature.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
