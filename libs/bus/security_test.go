package bus

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/bus/buscerts"
)

func TestFaultsOfCertificates(t *testing.T) {
	t.Parallel()
	authority := buscerts.New(t)
	good, other := authority.Issue(t, "good", time.Now().Add(time.Hour)), authority.Issue(t, "other", time.Now().Add(time.Hour))
	locked, nothing := withPassword(t, good.KeyFile), filepath.Join(t.TempDir(), "nothing.pem")
	if err := os.WriteFile(nothing, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		settings []string // behind ISM_KAFKA_
		faulty   []string
	}{
		"an authority":             {[]string{"CA_FILE=" + authority.CAFile}, nil},
		"an authority that is not": {[]string{"CA_FILE=/does/not/exist"}, []string{"CA_FILE"}},
		"no certificate in it":     {[]string{"CA_FILE=" + nothing}, []string{"CA_FILE"}},
		"a pair":                   {[]string{"CERT_FILE=" + good.CertFile, "KEY_FILE=" + good.KeyFile}, nil},
		"a certificate alone":      {[]string{"CERT_FILE=" + good.CertFile}, []string{"KEY_FILE"}},
		"a key alone":              {[]string{"KEY_FILE=" + good.KeyFile}, []string{"CERT_FILE"}},
		"a password alone":         {[]string{"KEY_PASSWORD=x"}, []string{"KEY_PASSWORD"}},
		"of two pairs":             {[]string{"CERT_FILE=" + good.CertFile, "KEY_FILE=" + other.KeyFile}, []string{"KEY_FILE"}},
		"files exchanged":          {[]string{"CERT_FILE=" + good.KeyFile, "KEY_FILE=" + good.CertFile}, []string{"CERT_FILE"}},
		"no key in the file":       {[]string{"CERT_FILE=" + good.CertFile, "KEY_FILE=" + nothing}, []string{"KEY_FILE"}},
		"no certificate there":     {[]string{"CERT_FILE=/does/not/exist", "KEY_FILE=" + good.KeyFile}, []string{"CERT_FILE"}},
		"a key with its password":  {[]string{"CERT_FILE=" + good.CertFile, "KEY_FILE=" + locked, "KEY_PASSWORD=open"}, nil},
		"with another password":    {[]string{"CERT_FILE=" + good.CertFile, "KEY_FILE=" + locked, "KEY_PASSWORD=other"}, []string{"KEY_PASSWORD"}},
		"without its password":     {[]string{"CERT_FILE=" + good.CertFile, "KEY_FILE=" + locked}, []string{"KEY_PASSWORD"}},
		"locked, of another pair":  {[]string{"CERT_FILE=" + other.CertFile, "KEY_FILE=" + locked, "KEY_PASSWORD=open"}, []string{"KEY_PASSWORD"}},
		"without TLS":              {[]string{"SECURITY_PROTOCOL=plaintext", "CERT_FILE=" + good.CertFile, "KEY_FILE=" + good.KeyFile}, []string{"CERT_FILE", "KEY_FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectFaults(t, append([]string{"SECURITY_PROTOCOL=ssl"}, c.settings...), c.faulty)
		})
	}
}

func TestFaultsOfOAuth(t *testing.T) {
	t.Parallel()
	const url, id, secret = "OAUTH_TOKEN_URL=https://id.example.com/token", "OAUTH_CLIENT_ID=ism-rooms", "OAUTH_CLIENT_SECRET=x"
	bearer := []string{"SECURITY_PROTOCOL=sasl_ssl", "SASL_MECHANISM=OAUTHBEARER"}
	with := func(more ...string) []string { return slices.Concat(bearer, more) }
	for name, c := range map[string]struct {
		settings, faulty []string
	}{
		"all that is needed":    {with(url, id, secret), nil},
		"with extensions":       {with(url, id, secret, "OAUTH_SCOPE=kafka ism", "OAUTH_EXTENSIONS=logicalCluster=lkc-1,identityPoolId=pool-1"), nil},
		"no extension":          {with(url, id, secret, "OAUTH_EXTENSIONS=logicalCluster"), []string{"OAUTH_EXTENSIONS"}},
		"nothing":               {bearer, []string{"OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_TOKEN_URL"}},
		"no URL":                {with("OAUTH_TOKEN_URL=id.example.com/token", id, secret), []string{"OAUTH_TOKEN_URL"}},
		"an authority not read": {with(url, id, secret, "OAUTH_CA_FILE=/does/not/exist"), []string{"OAUTH_CA_FILE"}},
		"a password":            {with(url, id, secret, "SASL_PASSWORD=x"), []string{"SASL_USERNAME"}},
		"another mechanism":     {[]string{"SECURITY_PROTOCOL=sasl_ssl", "SASL_MECHANISM=PLAIN", "SASL_USERNAME=u", "SASL_PASSWORD=p", id}, []string{"OAUTH_CLIENT_ID"}},
		"no SASL":               {[]string{"SECURITY_PROTOCOL=ssl", id}, []string{"SECURITY_PROTOCOL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectFaults(t, c.settings, c.faulty)
		})
	}
}

func expectFaults(t *testing.T, settings, faulty []string) {
	t.Helper()
	var environ []string
	for _, setting := range settings {
		environ = append(environ, "ISM_KAFKA_"+setting)
	}
	var want []string
	for _, variable := range faulty {
		want = append(want, "ISM_KAFKA_"+variable)
	}
	if found := faultyOf(t, environ); !slices.Equal(found, want) {
		t.Errorf("faulty: %v, want %v", found, want)
	}
}

// withPassword is the key with the password "open", as openssl writes it.
func withPassword(t *testing.T, keyFile string) string {
	t.Helper()
	locked := filepath.Join(t.TempDir(), "locked.key")
	if out, err := exec.CommandContext(t.Context(), "openssl", "pkcs8", "-topk8", "-in", keyFile, "-out", locked, "-passout", "pass:open").CombinedOutput(); err != nil {
		t.Fatalf("give the key a password: %v\n%s", err, out)
	}
	return locked
}
