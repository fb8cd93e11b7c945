package postgres_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// The file of the address is replaced: connections that are there stay, new ones sign in as it says by now, and nothing else of it counts.
func TestNewConnectionsSignInAsTheFileSays(t *testing.T) {
	t.Parallel()
	address := enginetest.PostgresDatabase(t)
	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.WithoutCancel(t.Context())) })
	role := "r" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.Exec(t.Context(), "CREATE ROLE "+role+" SUPERUSER LOGIN PASSWORD 'new:secret'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(t.TempDir(), "address")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(address)
	cfg := configOf(address)
	cfg.URLFile = config.SecretFile(path)
	db, err := postgres.New(notes, cfg, postgres.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servicetest.Run(t, "postgres", db.Run))
	connected(t, db)
	user := func(fresh bool) (name string) {
		t.Helper()
		err := db.Do(t.Context(), func(ctx context.Context, pool *pgxpool.Pool) error {
			if fresh {
				pool.Reset()
			}
			return pool.QueryRow(ctx, "SELECT current_user").Scan(&name)
		})
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	first := user(false)
	elsewhere, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.User, elsewhere.Host, elsewhere.Path = url.UserPassword(role, "new:secret"), "database.invalid:1", "/other"
	put(elsewhere.String() + "\n")
	if got := user(false); got != first {
		t.Errorf("a connection that was there is %s's, and was %s's", got, first)
	}
	if got := user(true); got != role {
		t.Errorf("a new connection is %s's, want %s", got, role)
	}
	if conn := db.Connection(); conn.User != role || conn.Password != "new:secret" || conn.Host == "database.invalid" {
		t.Errorf("one beside the pool is %s's, at %s", conn.User, conn.Host)
	}
	for _, unusable := range []string{"", "postgres://%"} {
		put(unusable)
		if got := user(true); got != first {
			t.Errorf("while the file cannot be used a new connection is %s's, want %s", got, first)
		}
	}
}
