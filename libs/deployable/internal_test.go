package deployable

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// listen runs the internal listener of a service with the credential, and gives its address.
func listen(t *testing.T, credential internalapi.Credential) string {
	t.Helper()
	tel := telemetry.Discard(nil)
	host := &Host{Telemetry: tel, cfg: Config{Internal: credential, HTTP: httpapi.Config{
		InternalAddress: "127.0.0.1:0", BodyLimit: 1 << 16, HeaderLimit: 1 << 14, ReadTimeout: 30 * time.Second, HandlerTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}}}
	deps := httpapi.Deps{Service: "rooms", Telemetry: tel, Draining: make(chan struct{})}
	host.guard(&deps)
	server := httpapi.NewInternal(host.cfg.HTTP, deps)
	server.App.Get("/internal/rooms", func(c *fiber.Ctx) error { return c.JSON("alice") })
	servicetest.Run(t, "internal listener", server.Run)
	<-server.Listening()
	_, port, _ := strings.Cut(server.Address(), ":")
	if credential.Secured() {
		return "https://localhost:" + port
	}
	return "http://localhost:" + port
}

// ask makes a client with the credential, and asks once.
func ask(t *testing.T, address string, credential internalapi.Credential) error {
	t.Helper()
	client := internalapi.New("rooms", internalapi.Address(address), 1, credential, telemetry.Discard(nil))
	defer servicetest.Run(t, "client", client.Run)()
	var answer string
	err := client.Ask(t.Context(), internalapi.Question{Method: http.MethodGet, Path: "/internal/rooms"}, &answer)
	if err == nil && answer != "alice" {
		t.Errorf("the answer is %q", answer)
	}
	return err
}

func certified(credential internalapi.Credential, files certificates.Files) internalapi.Credential {
	credential.TLSCertFile, credential.TLSKeyFile, credential.TLSCAFile = files.Certificate, files.Key, files.Authority
	return credential
}

func TestServicesShowEachOtherWhatTheyAreConfiguredWith(t *testing.T) {
	authority, other := certificatestest.NewAuthority(t), certificatestest.NewAuthority(t)
	files := func(by *certificatestest.Authority, trusted []byte) certificates.Files {
		return certificatestest.Write(t, t.TempDir(), by.Issue(t, "service", time.Hour), trusted)
	}
	secret := internalapi.Credential{Secret: config.Secret(strings.Repeat("s", 32))}
	certificate := certified(internalapi.Credential{}, files(authority, authority.PEM))
	both := certified(secret, files(authority, authority.PEM))
	for name, c := range map[string]struct {
		called, caller internalapi.Credential
		answered       bool
	}{
		"a secret":                             {secret, secret, true},
		"a certificate":                        {certificate, certificate, true},
		"both":                                 {both, both, true},
		"a secret where both are needed":       {both, secret, false},
		"a certificate where both are needed":  {both, certificate, false},
		"nothing":                              {certificate, internalapi.Credential{}, false},
		"a certificate of another authority":   {certificate, certified(internalapi.Credential{}, files(other, authority.PEM)), false},
		"to a service of another authority":    {certificate, certified(internalapi.Credential{}, files(authority, other.PEM)), false},
		"both where only a certificate counts": {certificate, both, true},
	} {
		if err := ask(t, listen(t, c.called), c.caller); (err == nil) != c.answered {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Secrets and certificates are replaced in their files while services run.
func TestACredentialIsReplacedInItsFiles(t *testing.T) {
	folder := t.TempDir()
	first, second := filepath.Join(folder, "first"), filepath.Join(folder, "second")
	put := func(path, letter string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Repeat(letter, 32)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(first, "a")
	put(second, "a")
	authority, next := certificatestest.NewAuthority(t), certificatestest.NewAuthority(t)
	files := certificatestest.Write(t, folder, authority.Issue(t, "rooms", time.Hour), authority.PEM)
	var cfg struct{ Internal internalapi.Credential }
	err := config.LoadFrom(&cfg, []string{
		"ISM_INTERNAL_SECRET_FILE=" + first, "ISM_INTERNAL_SECOND_SECRET_FILE=" + second,
		"ISM_INTERNAL_TLS_CERT_FILE=" + files.Certificate, "ISM_INTERNAL_TLS_KEY_FILE=" + files.Key, "ISM_INTERNAL_TLS_CA_FILE=" + files.Authority,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := listen(t, cfg.Internal)
	caller := func(by *certificatestest.Authority, trusted *certificatestest.Authority, letter string) internalapi.Credential {
		return certified(internalapi.Credential{Secret: config.Secret(strings.Repeat(letter, 32))},
			certificatestest.Write(t, t.TempDir(), by.Issue(t, "messages", time.Hour), trusted.PEM))
	}
	if err := errors.Join(ask(t, address, cfg.Internal), ask(t, address, caller(authority, authority, "a"))); err != nil {
		t.Fatal(err)
	}
	put(second, "b")
	servicetest.AwaitSuccess(t, "the new secret is taken", func() error { return ask(t, address, caller(authority, authority, "b")) })
	if err := ask(t, address, caller(authority, authority, "a")); err != nil {
		t.Errorf("the former one is not taken any more: %v", err)
	}
	certificatestest.Write(t, folder, next.Issue(t, "rooms", time.Hour), next.PEM)
	servicetest.AwaitSuccess(t, "the new authority's certificates are shown and taken", func() error { return ask(t, address, caller(next, next, "b")) })
	if err := ask(t, address, caller(authority, next, "b")); err == nil {
		t.Error("certificates of the former authority are still taken")
	}
}

func TestCallsWithoutTLSAreWarnedOf(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	certificate := certified(internalapi.Credential{}, certificatestest.Write(t, t.TempDir(), authority.Issue(t, "rooms", time.Hour), authority.PEM))
	for address, warned := range map[string]bool{"http://rooms:9403": true, "https://rooms:9403": false} {
		log := &servicetest.Log{}
		internalapi.New("rooms", internalapi.Address(address), 1, certificate, telemetry.Discard(slog.New(slog.NewTextHandler(log, nil))))
		if strings.Contains(log.String(), "without TLS") != warned {
			t.Errorf("%s: the log is %q", address, log)
		}
	}
}
