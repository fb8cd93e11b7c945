package rooms

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/enginetest"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// onPostgres leaves nothing in the environment but the database: no issuer, no broker.
func onPostgres(t *testing.T, address string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ISM_") && !strings.HasPrefix(name, "ISM_TEST_") {
			t.Setenv(name, value) // so that it is put back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("ISM_ROOMS_POSTGRES_URL", address)
}

func run(t *testing.T, line string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = Migrate().Run(t.Context(), strings.Fields(line), &out)
	return out.String(), err
}

// status is the column APPLIED. It must fail where anything is pending.
func status(t *testing.T) []string {
	t.Helper()
	table, err := run(t, "status")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if (err != nil) != strings.Contains(table, "pending") || len(lines) < 2 {
		t.Fatalf("status: %s, %v", table, err)
	}
	column := strings.Index(lines[0], "APPLIED")
	var applied []string
	for _, line := range lines[1:] {
		applied = append(applied, line[column:])
	}
	return applied
}

func pending(status []string) int {
	n := 0
	for _, applied := range status {
		if applied == "pending" {
			n++
		}
	}
	return n
}

func TestMigrateGoesUpAndDownByOneStep(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	onPostgres(t, address)
	before := status(t)
	if len(before) == 0 || pending(before) != len(before) {
		t.Fatalf("of an empty database it says %q", before)
	}
	if out, err := run(t, "down --yes"); !errors.Is(err, libpostgres.ErrNothingApplied) {
		t.Errorf("of an empty database nothing can be undone: %s, %v", out, err)
	}
	if out, err := run(t, "up"); err != nil || strings.Count(out, "made 0") != len(before) {
		t.Fatalf("up: %s, %v", out, err)
	}
	if after := status(t); pending(after) != 0 || len(after) != len(before) {
		t.Errorf("behind up it says %q", after)
	}
	if out, err := run(t, "up"); err != nil || out != "nothing is pending\n" {
		t.Errorf("up again: %s, %v", out, err)
	}
	if out, err := run(t, "down"); err == nil || !strings.Contains(err.Error(), "--yes") || !strings.Contains(out, "DROP") {
		t.Errorf("down without --yes: %s, %v", out, err)
	}
	if after := status(t); pending(after) != 0 {
		t.Errorf("it was undone without --yes: %q", after)
	}
	if out, err := run(t, "down --yes"); err != nil || !strings.Contains(out, "undone 0") {
		t.Errorf("down: %s, %v", out, err)
	}
	if after := status(t); pending(after) != 1 || after[len(after)-1] != "pending" {
		t.Errorf("behind one step down it says %q", after)
	}
}

// Whoever goes back to an older version must not undo beneath what that version does not know.
func TestAMigrationOfANewerVersionIsNotTouched(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	onPostgres(t, address)
	if _, err := run(t, "up"); err != nil {
		t.Fatal(err)
	}
	execute(t, address, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	table, err := run(t, "status")
	if err != nil || !strings.Contains(table, "99999   (not one of this version's)") {
		t.Errorf("status: %s, %v", table, err)
	}
	for _, line := range []string{"down", "down --yes"} {
		if out, err := run(t, line); !errors.Is(err, libpostgres.ErrUnknownMigration) || out != "" {
			t.Errorf("%s: %s, %v", line, out, err)
		}
	}
	if out, err := run(t, "up"); err != nil || out != "nothing is pending\n" {
		t.Errorf("up: %s, %v", out, err)
	}
}

func TestMigrateSaysWhatIsWrong(t *testing.T) {
	const secret = "hush-hush"
	for name, c := range map[string]struct {
		line, variable, value string
		usage                 bool
		says                  string
	}{
		"no step":               {line: "", usage: true, says: "up, down, down --yes or status"},
		"another step":          {line: "sideways", usage: true, says: `"sideways"`},
		"too many arguments":    {line: "up --yes", usage: true, says: `"up --yes"`},
		"no database":           {line: "up", variable: "ISM_ROOMS_POSTGRES_URL", says: "ISM_ROOMS_POSTGRES_URL: is required"},
		"a database's bad name": {line: "up", variable: "ISM_ROOMS_POSTGRES_URL", value: "postgres://rooms:" + secret + "@host:no-port/rooms", says: "is no Postgres address"},
		"a name that is wrong":  {line: "up", variable: "ISM_ROOMS_POSTGRES_POOLSIZE", value: "1", says: "ISM_ROOMS_POSTGRES_POOL_SIZE"},
		"nothing listens":       {line: "status", variable: "ISM_ROOMS_POSTGRES_URL", value: "postgres://rooms:" + secret + "@127.0.0.1:1/rooms", says: "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			onPostgres(t, "postgres://rooms@127.0.0.1:1/rooms")
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			out, err := run(t, c.line)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) || out != "" {
				t.Errorf("%s: %s, %v", c.line, out, err)
			}
			if _, usage := errors.AsType[deployable.UsageError](err); usage != c.usage {
				t.Errorf("%v is a fault of the command line: %t", err, usage)
			}
		})
	}
}

// One role owns the schema and migrates, another is the service's, with the rights that docs/operations.md gives it.
func TestTheServiceWorksAsARoleThatMayNotMigrate(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	database, suffix := at.Path[1:], strings.ReplaceAll(uuid.NewString(), "-", "")
	owner, service := "ism_test_owner_"+suffix, "ism_test_service_"+suffix
	as := func(role string) string {
		address := *at
		address.User = url.UserPassword(role, "secret")
		return address.String()
	}
	execute(t, address, "CREATE ROLE "+owner+" LOGIN PASSWORD 'secret'; CREATE ROLE "+service+" LOGIN PASSWORD 'secret'; ALTER DATABASE "+database+" OWNER TO "+owner)
	t.Cleanup(func() {
		execute(t, address, "ALTER DATABASE "+database+" OWNER TO CURRENT_USER; DROP OWNED BY "+service+"; DROP OWNED BY "+owner+"; DROP ROLE "+owner+", "+service)
	})
	execute(t, as(owner), "ALTER DEFAULT PRIVILEGES FOR ROLE "+owner+" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "+service)

	onPostgres(t, as(service))
	if out, err := run(t, "up"); err == nil {
		t.Fatalf("the service's role may migrate: %s", out)
	}
	if of := status(t); pending(of) != len(of) {
		t.Errorf("the service's role sees %q", of)
	}
	t.Setenv("ISM_ROOMS_POSTGRES_URL", as(owner))
	if out, err := run(t, "up"); err != nil {
		t.Fatalf("the owner may not migrate: %s, %v", out, err)
	}
	var cfg ProgramConfig
	if _, err := config.Survey([]string{"ISM_ROOMS_POSTGRES_URL=" + as(service), "ISM_ROOMS_MIGRATE=check"}, &cfg); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.New(cfg.Rooms.Postgres, cfg.Rooms.Migrate, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	storetest.WorksAtAll(t, storetest.Start(t, s))
}

func execute(t *testing.T, address, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx) // Exec says what went wrong
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
