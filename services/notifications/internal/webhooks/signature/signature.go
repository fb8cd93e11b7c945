// Package signature signs webhooks as Standard Webhooks 1.0.0 says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): symmetric, v1, with HMAC-SHA256, and
// asymmetric, v1a, with Ed25519.
package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a webhook. They are written in lower case in the specification, and HTTP does not tell the cases apart.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Scheme is how a webhook is signed.
type Scheme string

// The schemes of the specification.
const (
	Symmetric  Scheme = "v1"  // HMAC-SHA256: who can verify can also sign
	Asymmetric Scheme = "v1a" // Ed25519: who verifies needs the public key alone
)

const (
	prefixSymmetric = "whsec_"
	prefixPrivate   = "whsk_"
	prefixPublic    = "whpk_"

	symmetricBytes = 32 // the specification allows 24 to 64
	minSymmetric   = 24
	maxSymmetric   = 64
)

// ErrMalformed says that a text is no secret.
var ErrMalformed = errors.New("it is no secret of a webhook")

// Secret is what webhooks of one endpoint are signed with. Its zero value signs nothing.
type Secret struct {
	scheme Scheme
	key    []byte // of [Asymmetric] an [ed25519.PrivateKey]
}

// New makes a secret.
func New(scheme Scheme) (Secret, error) {
	switch scheme {
	case Symmetric:
		key := make([]byte, symmetricBytes)
		_, _ = rand.Read(key) // it never fails
		return Secret{scheme, key}, nil
	case Asymmetric:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return Secret{}, fmt.Errorf("make a key: %w", err)
		}
		return Secret{scheme, key}, nil
	default:
		return Secret{}, fmt.Errorf("there is no scheme %q", scheme)
	}
}

// Parse reads what [Secret.Reveal] gives. Errors: [ErrMalformed].
func Parse(text string) (Secret, error) {
	if encoded, ok := strings.CutPrefix(text, prefixSymmetric); ok {
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) < minSymmetric || len(key) > maxSymmetric {
			return Secret{}, ErrMalformed
		}
		return Secret{Symmetric, key}, nil
	}
	encoded, ok := strings.CutPrefix(text, prefixPrivate)
	if !ok {
		return Secret{}, ErrMalformed
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != ed25519.PrivateKeySize {
		return Secret{}, ErrMalformed
	}
	return Secret{Asymmetric, key}, nil
}

// Scheme is how the secret signs.
func (s Secret) Scheme() Scheme { return s.scheme }

// Reveal gives the secret as text: "whsec_…", or "whsk_…", which nobody but ISM needs.
func (s Secret) Reveal() string {
	prefix := prefixSymmetric
	if s.scheme == Asymmetric {
		prefix = prefixPrivate
	}
	return prefix + base64.StdEncoding.EncodeToString(s.key)
}

// Verifier gives what a receiver verifies with: the secret itself, or the public key, "whpk_…".
func (s Secret) Verifier() string {
	if s.scheme != Asymmetric {
		return s.Reveal()
	}
	public, _ := ed25519.PrivateKey(s.key).Public().(ed25519.PublicKey)
	return prefixPublic + base64.StdEncoding.EncodeToString(public)
}

// String keeps secrets out of what is logged.
func (s Secret) String() string { return "(secret)" }

// GoString keeps secrets out of what is logged.
func (s Secret) GoString() string { return s.String() }

// sign gives the signature of a webhook, with its version.
func (s Secret) sign(signed []byte) string {
	if s.scheme == Asymmetric {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, signed))
	}
	code := hmac.New(sha256.New, s.key)
	code.Write(signed)
	return "v1," + base64.StdEncoding.EncodeToString(code.Sum(nil))
}

// Sign puts the headers of a webhook that is sent at a time, with a signature of each secret, so that a receiver may know any of them.
func Sign(header http.Header, id string, at time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signed := append([]byte(id+"."+timestamp+"."), body...)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = secret.sign(signed)
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
}
