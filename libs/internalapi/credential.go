package internalapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/ism-chat/ism/libs/config"
)

// leastSecret is how long a secret is at least, in bytes: what 16 random bytes take in hexadecimal.
const leastSecret = 32

const scheme = "Bearer "

// Credential is what services show each other at their internal listeners, so that nobody else may ask there. Without a secret nothing is shown, and
// everybody may.
type Credential struct {
	Secret       config.Secret `envconfig:"SECRET" desc:"what services show each other at their internal listeners, 32 characters or more, the same in all of them; empty: whoever reaches the internal listener may ask there"`
	SecondSecret config.Secret `envconfig:"SECOND_SECRET" desc:"another secret that is taken and never shown, while ISM_INTERNAL_SECRET is replaced (docs/operations.md)"`
}

// Validate says what is wrong beyond the types.
func (c Credential) Validate() []config.Fault {
	var faults []config.Fault
	for _, given := range []struct {
		variable string
		secret   config.Secret
	}{{"SECRET", c.Secret}, {"SECOND_SECRET", c.SecondSecret}} {
		secret := given.secret.Reveal()
		switch {
		case secret == "":
		case len(secret) < leastSecret:
			faults = append(faults, config.Fault{Variable: given.variable, Problem: fmt.Sprintf("is too short; allowed: %d characters or more, for example of openssl rand -hex 32", leastSecret)})
		case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
			faults = append(faults, config.Fault{Variable: given.variable, Problem: "cannot stand in a header; allowed: letters, digits and punctuation of ASCII, without blanks"})
		}
	}
	if c.Secret == "" && c.SecondSecret != "" {
		faults = append(faults, config.Fault{Variable: "SECOND_SECRET", Problem: "is set, and ISM_INTERNAL_SECRET is not: set that first"})
	}
	return faults
}

// Needed reports whether callers must show a secret.
func (c Credential) Needed() bool { return c.Secret != "" }

// Authorization is the field of that name for a call (RFC 9110, section 11.6.2), or empty.
func (c Credential) Authorization() string {
	if !c.Needed() {
		return ""
	}
	return scheme + c.Secret.Reveal()
}

// Accepts reports whether a call with this Authorization may be answered. It takes as long whatever is wrong with it.
func (c Credential) Accepts(authorization string) bool {
	if !c.Needed() {
		return true
	}
	shown, is := strings.CutPrefix(authorization, scheme)
	first, second := same(shown, c.Secret), same(shown, c.SecondSecret)
	return is && shown != "" && first|second == 1
}

// same compares digests: their lengths are the same, whatever those of the secrets are.
func same(shown string, secret config.Secret) int {
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(secret.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:])
}
