package certificates_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func keep(files certificates.Files) *certificates.Kept {
	return certificates.Keep("the certificate of a test", files, slog.New(slog.DiscardHandler))
}

func client(t *testing.T, files certificates.Files, serverName string) *tls.Config {
	t.Helper()
	cfg, err := keep(files).Client(serverName)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// shake has both ends shake hands, and gives what each has seen.
func shake(t *testing.T, server, client *tls.Config) (serverName, clientName string, err error) {
	t.Helper()
	a, b := net.Pipe()
	accepted, connected := tls.Server(a, server), tls.Client(b, client)
	ended := make(chan error, 1)
	go func() {
		err := accepted.HandshakeContext(context.WithoutCancel(t.Context()))
		if err == nil {
			_, err = accepted.Write([]byte("x"))
		}
		ended <- err
	}()
	err = connected.HandshakeContext(t.Context())
	if err == nil {
		_, err = connected.Read(make([]byte, 1)) // in TLS 1.3 a client learns by it that its certificate is refused
	}
	_ = b.Close()
	err = errors.Join(err, <-ended)
	_ = a.Close()
	if peers := connected.ConnectionState().PeerCertificates; len(peers) > 0 {
		serverName = peers[0].Subject.CommonName
	}
	if peers := accepted.ConnectionState().PeerCertificates; len(peers) > 0 {
		clientName = peers[0].Subject.CommonName
	}
	return serverName, clientName, err
}

func TestConnectionsAreMadeWithWhatTheFilesHaveByNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority, other := certificatestest.NewAuthority(t), certificatestest.NewAuthority(t)
		serverFolder, clientFolder := t.TempDir(), t.TempDir()
		server := keep(certificatestest.Write(t, serverFolder, authority.Issue(t, "server-1", time.Hour), authority.PEM))
		files := certificatestest.Write(t, clientFolder, authority.Issue(t, "client-1", time.Hour), authority.PEM)
		kept := keep(files)
		listening := server.Server()
		expect := func(wantServer, wantClient string) {
			t.Helper()
			client, err := kept.Client("localhost")
			if err != nil {
				t.Fatal(err)
			}
			gotServer, gotClient, err := shake(t, listening, client)
			if err != nil || gotServer != wantServer || gotClient != wantClient {
				t.Errorf("%s and %s have met, want %s and %s: %v", gotServer, gotClient, wantServer, wantClient, err)
			}
		}
		expect("server-1", "client-1")
		certificatestest.Write(t, clientFolder, authority.Issue(t, "client-2", time.Hour), authority.PEM)
		certificatestest.Write(t, serverFolder, authority.Issue(t, "server-2", time.Hour), authority.PEM)
		time.Sleep(time.Second)
		expect("server-2", "client-2")

		// While only the certificate is replaced, it does not go with the key.
		next := authority.Issue(t, "client-3", time.Hour)
		if err := os.WriteFile(files.Certificate, next.Certificate, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect("server-2", "client-2")
		if err := os.WriteFile(files.Key, next.Key, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect("server-2", "client-3")

		// Another authority, in two steps as in docs/operations.md: first both are trusted, then certificates are replaced.
		both := slices.Concat(authority.PEM, other.PEM)
		certificatestest.Write(t, clientFolder, next, both)
		certificatestest.Write(t, serverFolder, other.Issue(t, "server-3", time.Hour), both)
		time.Sleep(time.Second)
		expect("server-3", "client-3")
	})
}

func TestWhoIsNotOfTheAuthorityIsRefused(t *testing.T) {
	ours, theirs := certificatestest.NewAuthority(t), certificatestest.NewAuthority(t)
	server := keep(certificatestest.Write(t, t.TempDir(), ours.Issue(t, "server", time.Hour), ours.PEM)).Server()
	for name, c := range map[string]struct {
		client *tls.Config
		says   string
	}{
		"a client of another authority": {client(t, certificatestest.Write(t, t.TempDir(), theirs.Issue(t, "client", time.Hour), ours.PEM), "localhost"), "unknown authority"},
		"a client whose time is over":   {client(t, certificatestest.Write(t, t.TempDir(), ours.Issue(t, "client", -time.Minute), ours.PEM), "localhost"), "expired"},
		"a server of another authority": {client(t, certificates.Files{Authority: certificatestest.Write(t, t.TempDir(), theirs.Issue(t, "x", time.Hour), theirs.PEM).Authority}, "localhost"), "unknown authority"},
		"a server of another name":      {client(t, certificatestest.Write(t, t.TempDir(), ours.Issue(t, "client", time.Hour), ours.PEM), "elsewhere"), "not elsewhere"},
	} {
		if _, _, err := shake(t, server, c.client); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
	}
	without := client(t, certificates.Files{Authority: certificatestest.Write(t, t.TempDir(), ours.Issue(t, "x", time.Hour), ours.PEM).Authority}, "localhost")
	if _, client, err := shake(t, server, without); err != nil || client != "" {
		t.Errorf("who shows none is %q: %v", client, err)
	}
}

func TestFaultsOfFilesNameTheSetting(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	good := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "a", time.Hour), authority.PEM)
	another := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "b", time.Hour), authority.PEM)
	by := certificates.Variables{Certificate: "CERT_FILE", Key: "KEY_FILE", Authority: "CA_FILE"}
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		files certificates.Files
		want  string // the variable, and what is said of it
	}{
		"all are good":     {good, ""},
		"there are none":   {certificates.Files{}, ""},
		"no authority":     {certificates.Files{Authority: none}, "CA_FILE: cannot be used: open " + none + ": no such file"},
		"a key for one":    {certificates.Files{Authority: good.Key}, "CA_FILE: cannot be used: " + good.Key + " has no certificate"},
		"no certificate":   {certificates.Files{Certificate: none, Key: good.Key}, "CERT_FILE: cannot be used with the key: open " + none},
		"another's key":    {certificates.Files{Certificate: good.Certificate, Key: another.Key}, "CERT_FILE: cannot be used with the key: tls: private key does not match"},
		"a key alone":      {certificates.Files{Key: good.Key}, "CERT_FILE: is missing"},
		"no key beside it": {certificates.Files{Certificate: good.Certificate}, "KEY_FILE: is missing"},
	} {
		faults := c.files.Faults(by)
		if c.want == "" && len(faults) == 0 {
			continue
		}
		if len(faults) != 1 || c.want == "" || !strings.HasPrefix(faults[0].Variable+": "+faults[0].Problem, c.want) {
			t.Errorf("%s: the faults are %v, want %s", name, faults, c.want)
		}
	}
}

func TestEndsAreThoseOfAllCertificates(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	files := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "rooms", time.Hour), authority.PEM)
	ends, err := files.Ends()
	if err != nil || len(ends) != 2 || ends[0].Name != "CN=rooms" || time.Until(ends[0].At) > time.Hour || ends[1].File != files.Authority {
		t.Errorf("they end %v, %v", ends, err)
	}
}

func TestFilesThatComeLaterAreRead(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	folder := t.TempDir()
	kept := keep(certificates.Files{Authority: filepath.Join(folder, "ca.crt")})
	if _, err := kept.Client(""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its file: %v", err)
	}
	certificatestest.Write(t, folder, authority.Issue(t, "x", time.Hour), authority.PEM)
	if cfg, err := kept.Client(""); err != nil || cfg.RootCAs == nil {
		t.Errorf("once it is there: %v", err)
	}
}
