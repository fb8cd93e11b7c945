package postgres_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// addressOf is the address of a server that asks for certificates, as the role, with files and by the name that its certificate has.
func addressOf(port int, role string, files certificates.Files) string {
	query := url.Values{"sslmode": {"verify-full"}}
	for name, file := range map[string]string{"sslrootcert": files.Authority, "sslcert": files.Certificate, "sslkey": files.Key} {
		if file != "" {
			query.Set(name, file)
		}
	}
	return fmt.Sprintf("postgres://%s@localhost:%d/notes?%s", role, port, query.Encode())
}

// shown says which certificate the server has seen of a new connection, by its number.
func shown(ctx context.Context, db *postgres.DB) (serial string, err error) {
	err = db.Do(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		pool.Reset()
		return pool.QueryRow(ctx, "SELECT client_serial::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&serial)
	})
	return serial, err
}

// A server that lets in who shows a certificate of its authority, and nobody else: hostssl … cert.
func TestConnectionsShowTheCertificateThatTheFilesHaveByNow(t *testing.T) {
	t.Parallel()
	authority, other := certificatestest.NewAuthority(t), certificatestest.NewAuthority(t)
	server := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "localhost", time.Hour), authority.PEM)
	port := enginetest.PostgresWithCertificates(t, server, "notes")

	folder := t.TempDir()
	files := certificatestest.Write(t, folder, authority.Issue(t, "notes", time.Hour), authority.PEM)
	log := &servicetest.Log{}
	db, err := postgres.New(notes, configOf(addressOf(port, "notes", files)), postgres.MigrateAuto, telemetry.Discard(slog.New(slog.NewTextHandler(log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Run(t, "postgres", db.Run)
	connected(t, db)
	number := func() string {
		t.Helper()
		serial, err := shown(t.Context(), db)
		if err != nil {
			t.Fatalf("a new connection: %v", err)
		}
		return serial
	}
	first := number()
	if again := number(); again != first || first == "" {
		t.Errorf("the certificate is number %q, and then %q", first, again)
	}

	renewed := authority.Issue(t, "notes", time.Hour)
	certificatestest.Write(t, folder, renewed, authority.PEM)
	second := number()
	if second == first {
		t.Error("a new connection shows the certificate from before it was renewed")
	}
	beside, err := tls.X509KeyPair(renewed.Certificate, renewed.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got := db.Connection().TLSConfig.Certificates[0].Leaf; !got.Equal(beside.Leaf) {
		t.Error("a connection beside the pool would show another certificate")
	}

	// The next certificate is there, its key is not yet: what was used last counts.
	if err := os.WriteFile(files.Certificate, authority.Issue(t, "notes", time.Hour).Certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := number(); got != second || !strings.Contains(log.String(), "private key does not match") {
		t.Errorf("while files are replaced a connection shows number %s, want %s; the log:\n%s", got, second, log)
	}

	// Whoever has no certificate for the role does not get in, and the server of another authority is not taken for ours.
	for name, c := range map[string]struct{ address, says string }{
		"without a certificate":       {addressOf(port, "notes", certificates.Files{Authority: files.Authority}), "certificate"},
		"one of another authority":    {addressOf(port, "notes", certificatestest.Write(t, t.TempDir(), other.Issue(t, "notes", time.Hour), authority.PEM)), "unknown certificate authority"},
		"one whose time is over":      {addressOf(port, "notes", certificatestest.Write(t, t.TempDir(), authority.Issue(t, "notes", -time.Minute), authority.PEM)), "expired"},
		"the one of another role":     {addressOf(port, "notes", certificatestest.Write(t, t.TempDir(), authority.Issue(t, "mallory", time.Hour), authority.PEM)), "authentication failed"},
		"a server that is not ours":   {addressOf(port, "notes", certificatestest.Write(t, t.TempDir(), authority.Issue(t, "notes", time.Hour), other.PEM)), "unknown authority"},
		"without TLS":                 {fmt.Sprintf("postgres://notes@localhost:%d/notes?sslmode=disable", port), "no encryption"},
		"a host with no such address": {strings.Replace(addressOf(port, "notes", certificatestest.Write(t, t.TempDir(), authority.Issue(t, "notes", time.Hour), authority.PEM)), "localhost", "127.0.0.2", 1), "127.0.0.2"},
	} {
		m, err := postgres.NewMigrations(notes, configOf(c.address))
		if err != nil {
			t.Fatal(err)
		}
		// Postgres tells why and closes the connection: what is still written to it then is answered first, by a reset, now and then.
		servicetest.AwaitSuccess(t, fmt.Sprintf("%s: an error that says %q", name, c.says), func() error {
			_, err := m.List(t.Context())
			if err == nil {
				t.Fatalf("%s is let in", name)
			}
			if !strings.Contains(err.Error(), c.says) {
				return err
			}
			return nil
		})
	}
}

func TestFaultsOfCertificatesInTheAddressAreNamed(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	good := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "a", time.Hour), authority.PEM)
	another := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "b", time.Hour), authority.PEM)
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		files certificates.Files
		says  string
	}{
		"all are good":  {good, ""},
		"no authority":  {certificates.Files{Authority: none}, none + ": no such file"},
		"another's key": {certificates.Files{Authority: good.Authority, Certificate: good.Certificate, Key: another.Key}, "private key does not match"},
		"a key alone":   {certificates.Files{Authority: good.Authority, Key: good.Key}, `both "sslcert" and "sslkey"`},
	} {
		faults := configOf(strings.Replace(addressOf(1, "notes", c.files), "notes@", "notes:hush-hush@", 1)).Validate()
		if c.says == "" && len(faults) == 0 {
			continue
		}
		if len(faults) != 1 || faults[0].Variable != "URL" || c.says == "" || !strings.Contains(faults[0].Problem, c.says) || strings.Contains(faults[0].Problem, "hush") {
			t.Errorf("%s: the faults are %v, want URL with %q", name, faults, c.says)
		}
	}
}

func TestWhereConnectionsMayBeWithoutTLSIsTold(t *testing.T) {
	for address, told := range map[string]bool{
		"postgres://notes@db.example.com/notes?sslmode=disable":     false, // it is said
		"postgres://notes@db.example.com/notes?sslmode=prefer":      true,
		"postgres://notes@db.example.com/notes":                     true, // as prefer
		"postgres://notes@db.example.com/notes?sslmode=require":     false,
		"postgres://notes@db.example.com/notes?sslmode=verify-full": false,
		"postgres://notes@localhost/notes?sslmode=disable":          false,
		"postgres://notes@127.0.0.1/notes?sslmode=disable":          false,
		"postgres://notes@[::1]/notes?sslmode=disable":              false,
		"postgres:///notes?host=/var/run/postgresql":                false,
		"postgres://notes@localhost,db.example.com/notes":           true,
		"postgres://notes@db.example.com/notes?sslmode=allow":       true,
	} {
		log := &servicetest.Log{}
		cfg := configOf("")
		cfg.URL = config.Secret(address)
		if _, err := postgres.New(notes, cfg, postgres.MigrateAuto, telemetry.Discard(slog.New(slog.NewTextHandler(log, nil)))); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "without TLS"); got != told || got && strings.Contains(log.String(), "localhost") {
			t.Errorf("%s: told is %t:\n%s", address, got, log)
		}
	}
}
