package cassandra_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func secured(cfg cassandra.Config, files certificates.Files) cassandra.Config {
	cfg.CertFile, cfg.KeyFile, cfg.CAFile = files.Certificate, files.Key, files.Authority
	return cfg
}

// supported asks a node for what it supports (CQL binary protocol 4, section 4.1.3), on a new connection: who is not let in learns it by no answer.
func supported(t *testing.T, dial func(ctx context.Context, address, called string) (*gocql.DialedHost, error), node string) error {
	t.Helper()
	dialed, err := dial(t.Context(), node, node)
	if err != nil {
		return err
	}
	defer dialed.Conn.Close()
	if _, err := dialed.Conn.Write([]byte{4, 0, 0, 0, 5, 0, 0, 0, 0}); err != nil {
		return err
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(dialed.Conn, answer); err != nil {
		return err
	}
	if answer[4] != 6 {
		t.Errorf("a node answers with %x", answer)
	}
	return nil
}

// The node asks connections with TLS for a certificate of its authority, and lets nobody in without one.
func TestConnectionsAreMadeWithTheCertificateThatTheFilesHaveByNow(t *testing.T) {
	t.Parallel()
	authority, other := cassandratest.Authority(t), certificatestest.NewAuthority(t)
	folder := t.TempDir()
	write := func(by *certificatestest.Authority) certificates.Files {
		return certificatestest.Write(t, folder, by.Issue(t, "messages", time.Hour), authority.PEM)
	}
	cfg := cassandratest.Config(t)
	dial := cassandra.Dialer(secured(cfg, write(authority)))
	node := cfg.Hosts[0]
	if err := supported(t, dial, node); err != nil {
		t.Fatal(err)
	}
	write(other)
	servicetest.Await(t, "what the files have by now is refused", func() bool {
		err := supported(t, dial, node)
		return err != nil && strings.Contains(err.Error(), "certificate")
	})
	write(authority)
	servicetest.Await(t, "what the files have by now is taken", func() bool { return supported(t, dial, node) == nil })
}

func testTLS(t *testing.T, cfg cassandra.Config) {
	authority := cassandratest.Authority(t)
	cfg = secured(cfg, certificatestest.Write(t, t.TempDir(), authority.Issue(t, "messages", time.Hour), authority.PEM))
	s := storetest.Start(t, newStore(t, cfg))
	room := uuid.Must(uuid.NewV7())
	if err := s.Append(t.Context(), []store.Entry{entry(room, 1)}); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10); err != nil || len(page) != 1 {
		t.Errorf("the page is %v, %v", page, err)
	}
}

func TestNodesAndClientsMustBeOfTheAuthority(t *testing.T) {
	t.Parallel()
	cfg := cassandratest.Config(t)
	authority, other := cassandratest.Authority(t), certificatestest.NewAuthority(t)
	write := func(issued certificatestest.Issued, trusted []byte) certificates.Files {
		return certificatestest.Write(t, t.TempDir(), issued, trusted)
	}
	ours := write(authority.Issue(t, "messages", time.Hour), authority.PEM)
	named := secured(cfg, ours)
	named.ServerName = "localhost"
	elsewhere := secured(cfg, ours)
	elsewhere.ServerName = "elsewhere.example.com"
	for name, c := range map[string]struct {
		cfg  cassandra.Config
		says string // "": it is let in
	}{
		"a certificate of the authority":         {secured(cfg, ours), ""},
		"by a name that the node has":            {named, ""},
		"without a certificate":                  {secured(cfg, certificates.Files{Authority: ours.Authority}), "certificate"},
		"a certificate of another authority":     {secured(cfg, write(other.Issue(t, "messages", time.Hour), authority.PEM)), "certificate"},
		"a certificate whose time is over":       {secured(cfg, write(authority.Issue(t, "messages", -time.Minute), authority.PEM)), "certificate"},
		"a node of another authority":            {secured(cfg, write(authority.Issue(t, "messages", time.Hour), other.PEM)), "unknown authority"},
		"a node that does not have the name":     {elsewhere, "elsewhere.example.com"},
		"files that are not there any more":      {secured(cfg, certificates.Files{Authority: filepath.Join(t.TempDir(), "none")}), "no such file"},
		"without TLS, which this node takes":     {cfg, ""},
		"an empty file instead of a certificate": {secured(cfg, certificates.Files{Authority: os.DevNull}), "no certificate in PEM"},
	} {
		_, err := cassandra.Inspect(t.Context(), c.cfg)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
	}
}

func TestConnectionsSignInWithThePasswordThatTheFileHasByNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("first\n")
	synctest.Test(t, func(t *testing.T) {
		provide := cassandra.SignIn(cassandra.Config{Username: "ism", Password: "started", PasswordFile: config.SecretFile(path)}, slog.New(slog.DiscardHandler))
		expect := func(want string) {
			t.Helper()
			authenticator, err := provide(&gocql.HostInfo{})
			if err != nil {
				t.Fatal(err)
			}
			response, _, err := authenticator.Challenge([]byte("org.apache.cassandra.auth.PasswordAuthenticator"))
			if err != nil || string(response) != "\x00ism\x00"+want {
				t.Errorf("a connection signs in with %q, %v, want the password %s", response, err, want)
			}
		}
		expect("first")
		put("second")
		time.Sleep(time.Second)
		expect("second")
	})
}

func TestFaultsOfCertificatesNameTheSetting(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	good := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "a", time.Hour), authority.PEM)
	another := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "b", time.Hour), authority.PEM)
	environ := func(files certificates.Files, more ...string) []string {
		for name, file := range map[string]string{"CERT_FILE": files.Certificate, "KEY_FILE": files.Key, "CA_FILE": files.Authority} {
			more = append(more, "ISM_CASSANDRA_"+name+"="+file)
		}
		return more
	}
	for name, c := range map[string]struct {
		environ []string
		says    string
	}{
		"all are good":                    {environ(good), ""},
		"a name":                          {environ(good, "ISM_CASSANDRA_SERVER_NAME=cassandra"), ""},
		"a name without TLS":              {environ(certificates.Files{}, "ISM_CASSANDRA_SERVER_NAME=cassandra"), "ISM_CASSANDRA_SERVER_NAME: is not used without CA_FILE"},
		"a certificate without authority": {environ(certificates.Files{Certificate: good.Certificate, Key: good.Key}), "ISM_CASSANDRA_CERT_FILE: is not used without CA_FILE"},
		"another's key":                   {environ(certificates.Files{Certificate: good.Certificate, Key: another.Key, Authority: good.Authority}), "ISM_CASSANDRA_CERT_FILE: cannot be used with the key"},
		"no authority where it is said":   {environ(certificates.Files{Authority: good.Authority + "x"}), "ISM_CASSANDRA_CA_FILE: cannot be used: open"},
	} {
		var cfg struct{ Cassandra cassandra.Config }
		err := config.LoadFrom(&cfg, c.environ)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
	}
}
