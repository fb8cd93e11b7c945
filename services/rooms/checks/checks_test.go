package checks

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// onDatabase gives the checks of a database.
func onDatabase(t *testing.T, address string, more ...string) []examine.Check {
	t.Helper()
	var cfg struct {
		Rooms struct {
			Migrate  libpostgres.Migrate `default:"auto"`
			Postgres libpostgres.Config
		}
	}
	found := examinetest.Survey(t, &cfg, append(more, "ISM_ROOMS_POSTGRES_URL="+address)...)
	return Part(cfg.Rooms.Postgres, cfg.Rooms.Migrate, found).Checks
}

func TestPostgres(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, address), "postgres"), examine.OK)
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, address), "role"), examine.Warning, "superuser")
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, address), "migrations"), examine.Fault, "00001_rooms.sql", "start rooms")
	for _, migrates := range []string{"check", "off"} {
		examinetest.Expect(t, examinetest.Find(t, onDatabase(t, address, "ISM_ROOMS_MIGRATE="+migrates), "migrations"), examine.Fault, "ISM_ROOMS_MIGRATE is "+migrates, "rooms migrate up")
	}
	migrate(t, address)
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, address), "migrations"), examine.OK)
	execute(t, address, "DELETE FROM goose_db_version WHERE version_id = 1")
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, address), "migrations"), examine.Fault, "00001_rooms.sql")
}

func TestPostgresThatIsNotReached(t *testing.T) {
	address := enginetest.Postgres(t)
	gone := examinetest.ClosedPort(t)
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, "postgres://rooms:hush-hush@"+gone+"/rooms"), "postgres"), examine.Fault, gone, "nothing listens")
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	at.Path = "/no_such_database"
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, at.String()), "postgres"), examine.Fault, "3D000", `CREATE DATABASE "no_such_database"`)
	at.User = url.UserPassword("no_such_role", "hush-hush")
	got := examinetest.Find(t, onDatabase(t, at.String()), "postgres")
	examinetest.Expect(t, got, examine.Fault, "28", "ISM_ROOMS_POSTGRES_URL")
	if strings.Contains(got.Found+got.Do, "hush-hush") {
		t.Errorf("the password is printed: %v", got)
	}
}

func TestARoleOfItsOwnIsFine(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	role := "ism_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, address, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret-of-the-role'")
	database := at.Path[1:]
	execute(t, address, "ALTER DATABASE "+database+" OWNER TO "+role)
	t.Cleanup(func() {
		execute(t, address, "ALTER DATABASE "+database+" OWNER TO postgres")
		execute(t, address, "DROP OWNED BY "+role)
		execute(t, address, "DROP ROLE "+role)
	})
	at.User = url.UserPassword(role, "secret-of-the-role")
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, at.String()), "role"), examine.OK)
	execute(t, address, "ALTER ROLE "+role+" CREATEDB")
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, at.String()), "role"), examine.Warning, "databases or roles")
	other := database + "_2"
	execute(t, address, "CREATE DATABASE "+other+" OWNER "+role)
	t.Cleanup(func() { execute(t, address, "DROP DATABASE "+other) })
	examinetest.Expect(t, examinetest.Find(t, onDatabase(t, at.String()), "role"), examine.Warning, other)
}

// migrate lets the store bring a database up to date.
func migrate(t *testing.T, address string) {
	t.Helper()
	store, err := postgres.New(libpostgres.Config{URL: config.Secret(address), PoolSize: 1, StatementTimeout: time.Minute}, libpostgres.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	run(t, store.Run, store.Ping)
}

// run runs a store until it answers.
func run(t *testing.T, work, ping func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	working, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- work(working) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ping(ctx) != nil && ctx.Err() == nil {
		<-tick.C
	}
	stop()
	if err := <-ended; err != nil || ctx.Err() != nil {
		t.Fatalf("the store has not come up: %v, %v", err, ctx.Err())
	}
}

func execute(t *testing.T, address, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
