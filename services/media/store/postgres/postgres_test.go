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
	rows, err := New(postgres.Config{URL: config.Secret(address), PoolSize: 5, StatementTimeout: time.Minute}, migrates, telemetry.Discard(nil))
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

// What was ready before it was known what is unused has its time from the migration on, but for what messages show.
func TestWhatWasReadyBeforeIsIdleFromNowOn(t *testing.T) {
	t.Parallel()
	address := enginetest.PostgresDatabase(t)
	migrations, err := postgres.NewMigrations(Schema(), postgres.Config{URL: config.Secret(address)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	shown, unused := uuid.New(), uuid.New()
	for _, id := range []uuid.UUID{shown, unused} {
		execute(t, address, `
INSERT INTO media (`+columns+`) VALUES ('`+id.String()+`', '`+id.String()+`', '`+id.String()+`', '', 'message', 'a', 'text/plain', '', 1, NULL, 'ready', '', 0, 0, '{}', '', 0,
    now() - interval '1 year', now() - interval '1 year', NULL);
INSERT INTO usages (kind, id, bytes, media) VALUES ('room', '`+id.String()+`', 1, 1), ('user', '`+id.String()+`', 1, 1)`)
	}
	execute(t, address, `INSERT INTO uses (message_id, medium_id) VALUES ('`+uuid.NewString()+`', '`+shown.String()+`')`)
	media := store.New(start(t, address, postgres.MigrateAuto), telemetry.Discard(nil), time.Now)
	for before, want := range map[time.Duration]int{-time.Hour: 0, time.Hour: 1} {
		if looked, err := media.Unused(t.Context(), time.Now().Add(before), 10); err != nil || looked != want {
			t.Errorf("idle since before %s of now are %d, %v, want %d", before, looked, err, want)
		}
	}
	if m, err := media.ByID(t.Context(), unused); err != nil || m.State != "deleted" {
		t.Errorf("what nobody shows is %+v, %v", m, err)
	}
}

// What a step makes is undone by it.
func TestMigrationsGoDown(t *testing.T) {
	t.Parallel()
	migrations, err := postgres.NewMigrations(Schema(), postgres.Config{URL: config.Secret(enginetest.PostgresDatabase(t))})
	if err != nil {
		t.Fatal(err)
	}
	made, err := migrations.Up(t.Context())
	if err != nil || len(made) != 3 {
		t.Fatalf("made %v, %v", made, err)
	}
	for range made {
		if _, err := migrations.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := migrations.Up(t.Context()); err != nil || len(again) != 3 {
		t.Errorf("made %v again, %v", again, err)
	}
}
