package postgres

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// start runs a store on the database at an address.
func start(t testing.TB, address string, migrates postgres.Migrate) *Store {
	t.Helper()
	s, err := New(postgres.Config{URL: config.Secret(address), PoolSize: 5, StatementTimeout: time.Minute}, migrates, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, s)
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return start(t, enginetest.PostgresDatabase(t), postgres.MigrateAuto) })
}

func BenchmarkInbox(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store { return start(b, enginetest.PostgresDatabase(b), postgres.MigrateAuto) })
}

func execute(t *testing.T, address, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(ctx) }()
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

func partitions(t *testing.T, address string) (n int) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(t.Context())) }()
	if err := connection.QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'entries'::regclass`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func entry(at time.Time) store.Entry {
	return store.Entry{UserID: uuid.New(), ID: uuid.New(), At: at, Event: []byte(`{"type":"SystemMessage"}`)}
}

// Retention costs no deletes: each week is a table, which is made when it is needed, and dropped when all of it is old.
func TestEachWeekIsATable(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	s := start(t, address, postgres.MigrateAuto)
	last := monday.Add(week - time.Microsecond)
	if added, err := s.Put(t.Context(), []store.Entry{entry(monday), entry(last), entry(monday.Add(week)), entry(monday.Add(-time.Microsecond))}); err != nil || added != 4 {
		t.Fatalf("added %d, %v", added, err)
	}
	if n := partitions(t, address); n != 3 {
		t.Errorf("there are %d tables, want 3", n)
	}
	for _, c := range []struct {
		since time.Time
		left  int
	}{{monday.Add(-time.Microsecond), 3}, {monday, 2}, {last, 2}, {monday.Add(week), 1}} {
		if _, err := s.Clear(t.Context(), store.Kept{Since: c.since, Now: monday}, 10); err != nil {
			t.Fatal(err)
		}
		if n := partitions(t, address); n != c.left {
			t.Errorf("of what is older than %s %d tables are left, want %d", c.since, n, c.left)
		}
	}
}

// Another process may keep less, and have dropped a week that this one knows: then it is made again, and nothing is given up.
func TestAWeekThatWasDroppedIsMadeAgain(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	s := start(t, address, postgres.MigrateAuto)
	if _, err := s.Put(t.Context(), []store.Entry{entry(monday)}); err != nil {
		t.Fatal(err)
	}
	execute(t, address, "DROP TABLE entries_20261123")
	if _, err := s.Put(t.Context(), []store.Entry{entry(monday)}); err == nil {
		t.Error("the row went somewhere")
	} else if !isUnavailable(err) {
		t.Errorf("it says %v", err)
	}
	if added, err := s.Put(t.Context(), []store.Entry{entry(monday)}); err != nil || added != 1 {
		t.Errorf("added %d, %v", added, err)
	}
}

// The service's role owns nothing: the owner migrates, as docs/operations.md has it.
func TestTheServiceWorksAsARoleThatOwnsNothing(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	at, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	role := "ism_test_" + uuid.NewString()[:8]
	migrations, err := postgres.NewMigrations(Schema(), postgres.Config{URL: config.Secret(address)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	execute(t, address, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+role+
		"; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "+role)
	t.Cleanup(func() { execute(t, address, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	at.User, at.Password = role, "secret"
	s := start(t, "postgres://"+role+":secret@"+at.Host+":"+portOf(at)+"/"+at.Database+"?sslmode=disable", postgres.MigrateCheck)
	if added, err := s.Put(t.Context(), []store.Entry{entry(monday)}); err != nil || added != 1 {
		t.Errorf("added %d, %v", added, err)
	}
	if _, err := s.Clear(t.Context(), store.Kept{Since: monday.Add(2 * week), Now: monday}, 10); err != nil || partitions(t, address) != 0 {
		t.Errorf("%d tables are left, %v", partitions(t, address), err)
	}
	storetest.JobOfADeadProcess(t, s, func() {})
}

func isUnavailable(err error) bool { return errors.Is(err, store.ErrUnavailable) }

func portOf(cfg *pgx.ConnConfig) string { return strconv.Itoa(int(cfg.Port)) }

func TestTheJobOfADeadProcessIsDone(t *testing.T) {
	t.Parallel()
	address := enginetest.PostgresDatabase(t)
	storetest.JobOfADeadProcess(t, start(t, address, postgres.MigrateAuto), func() {
		execute(t, address, `
UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '2 minutes', attempted_by = '{dead}'`)
	})
}
