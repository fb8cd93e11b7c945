package postgres

import (
	"context"
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
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// start runs a backend on the database at an address.
func start(t testing.TB, address string, migrates postgres.Migrate) store.Rows {
	t.Helper()
	rows, err := New(postgres.Config{URL: config.Secret(address), PoolSize: 5, StatementTimeout: 10 * time.Second}, migrates, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Start(t, rows)
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Rows { return start(t, enginetest.PostgresDatabase(t), postgres.MigrateAuto) })
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

// The service's role owns nothing: the owner migrates, as docs/operations.md has it.
func TestTheServiceWorksAsARoleThatOwnsNothing(t *testing.T) {
	t.Parallel()
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
	execute(t, address, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+role)
	t.Cleanup(func() { execute(t, address, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	rows := start(t, "postgres://"+role+":secret@"+at.Host+":"+strconv.Itoa(int(at.Port))+"/"+at.Database+"?sslmode=disable", postgres.MigrateCheck)
	storetest.Works(t, rows)
}

func TestTheJobOfADeadProcessIsDone(t *testing.T) {
	t.Parallel()
	address := enginetest.PostgresDatabase(t)
	storetest.JobOfADeadProcess(t, start(t, address, postgres.MigrateAuto), func() {
		execute(t, address, `
UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '2 minutes', attempted_by = '{dead}'`)
	})
}

// What a step makes is undone by it.
func TestMigrationsGoDown(t *testing.T) {
	t.Parallel()
	migrations, err := postgres.NewMigrations(Schema(), postgres.Config{URL: config.Secret(enginetest.PostgresDatabase(t))})
	if err != nil {
		t.Fatal(err)
	}
	made, err := migrations.Up(t.Context())
	if err != nil || len(made) != 2 {
		t.Fatalf("made %v, %v", made, err)
	}
	for range made {
		if _, err := migrations.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := migrations.Up(t.Context()); err != nil || len(again) != 2 {
		t.Errorf("made %v again, %v", again, err)
	}
}
