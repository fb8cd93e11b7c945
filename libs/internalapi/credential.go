package internalapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
)

// leastSecret is how long a secret is at least, in bytes: what 16 random bytes take in hexadecimal.
const leastSecret = 32

const scheme = "Bearer "

// Credential is what services show each other at their internal listeners, so that nobody else may ask there: a secret, a certificate, or both. Without
// either nothing is shown, and everybody may.
type Credential struct {
	Secret           config.Secret     `envconfig:"SECRET" desc:"what services show each other at their internal listeners, 32 characters or more, the same in all of them; empty: whoever reaches the internal listener may ask there"`
	SecretFile       config.SecretFile `of:"SECRET"`
	SecondSecret     config.Secret     `envconfig:"SECOND_SECRET" desc:"another secret that is taken and never shown, while ISM_INTERNAL_SECRET is replaced (docs/operations.md)"`
	SecondSecretFile config.SecretFile `of:"SECOND_SECRET"`
	TLSCertFile      string            `envconfig:"TLS_CERT_FILE" desc:"certificate of this service, PEM, which the internal listener and its internal calls show; the three together have internal listeners speak TLS, and answer only to certificates of the authority; empty: no TLS"`
	TLSKeyFile       string            `envconfig:"TLS_KEY_FILE" desc:"its key, PEM"`
	TLSCAFile        string            `envconfig:"TLS_CA_FILE" desc:"certificate authority of all services, PEM, which certifies nobody else"`
}

// Validate says what is wrong beyond the types.
func (c Credential) Validate() []config.Fault {
	return append(c.faultsOfSecrets(), c.faultsOfFiles()...)
}

func (c Credential) faultsOfFiles() []config.Fault {
	faults := c.Certificates().Faults(certificates.Variables{Certificate: "TLS_CERT_FILE", Key: "TLS_KEY_FILE", Authority: "TLS_CA_FILE"})
	switch pair := c.TLSCertFile != "" || c.TLSKeyFile != ""; {
	case pair && c.TLSCAFile == "":
		faults = append(faults, config.Fault{Variable: "TLS_CA_FILE", Problem: "is missing, though a certificate is set: set all three or none"})
	case !pair && c.TLSCAFile != "":
		faults = append(faults, config.Fault{Variable: "TLS_CERT_FILE", Problem: "is missing, though the authority is set: set all three or none"})
	}
	return faults
}

func (c Credential) faultsOfSecrets() []config.Fault {
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

// Certificates are the files that TLS takes.
func (c Credential) Certificates() certificates.Files {
	return certificates.Files{Certificate: c.TLSCertFile, Key: c.TLSKeyFile, Authority: c.TLSCAFile}
}

// Secured reports whether internal listeners speak TLS and callers must show a certificate.
func (c Credential) Secured() bool { return c.TLSCertFile != "" }

// Keep gives the credential as its files say it by now: of the certificates that is their own matter.
func (c Credential) Keep(log *slog.Logger) *reread.Value[Credential] {
	if c.SecretFile == "" && c.SecondSecretFile == "" {
		return reread.New("the secret of internal calls", c, nil, log)
	}
	return reread.New("the secret of internal calls", c, Credential.again, log)
}

// again reads the files of the secrets.
func (c Credential) again() (now Credential, err error) {
	now = c
	if now.Secret, err = c.SecretFile.Read(c.Secret); err != nil {
		return c, fmt.Errorf("read ISM_INTERNAL_SECRET_FILE: %w", err)
	}
	if now.SecondSecret, err = c.SecondSecretFile.Read(c.SecondSecret); err != nil {
		return c, fmt.Errorf("read ISM_INTERNAL_SECOND_SECRET_FILE: %w", err)
	}
	if faults := now.faultsOfSecrets(); len(faults) > 0 {
		return c, fmt.Errorf("ISM_INTERNAL_%s %s", faults[0].Variable, faults[0].Problem)
	}
	return now, nil
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
