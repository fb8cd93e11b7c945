package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func openSQL(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// schema is all columns and indexes that the migrations have made.
func schema(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all string
	err := db.QueryRowContext(t.Context(), `
		SELECT coalesce(string_agg(line, chr(10) ORDER BY line), '') FROM (
			SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'goose_db_version'
			UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
			WHERE connamespace = 'public'::regnamespace AND conrelid <> 'goose_db_version'::regclass) AS made (line)`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMigrationsGoUpAndDown(t *testing.T) {
	db := openSQL(t, enginetest.PostgresDatabase(t))
	provider, err := newMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	made := schema(t, db)
	for range provider.ListSources() {
		if _, err := provider.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if left := schema(t, db); left != "" {
		t.Errorf("going down leaves %s", left)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := schema(t, db); again != made || !strings.Contains(made, "rooms_single_pair") {
		t.Errorf("going up again makes %s, the first time %s", again, made)
	}
}

func TestUsersOfTheFirstSchemaTakeAnyToken(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	db := openSQL(t, database)
	provider, err := newMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	user := uuid.New()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO users (id, display_name) VALUES ($1, 'alice')", user); err != nil {
		t.Fatal(err)
	}
	storetest.TakesAnyToken(t, storetest.Start(t, newStore(t, database)), user)
}

// A room of a build that knows no tenants of rooms, before the migration or after it, is of its creator's.
func TestRoomsOfEarlierBuildsGetTheirTenant(t *testing.T) {
	db := openSQL(t, enginetest.PostgresDatabase(t))
	provider, err := newMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	insert := func(tenant string) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), `
			WITH creator AS (INSERT INTO users (id, display_name, tenant) VALUES (gen_random_uuid(), 'somebody', $1) RETURNING id)
			INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview)
			SELECT gen_random_uuid(), 'Group', $1, id, now(), now(), '{}' FROM creator`, tenant)
		if err != nil {
			t.Fatal(err)
		}
	}
	insert("acme")
	insert("")
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO users (id, display_name, tenant) VALUES ('0192d3a0-0000-7000-8000-00000000000a', 'late', 'umbrella');
		INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview)
		VALUES (gen_random_uuid(), 'Group', 'umbrella', '0192d3a0-0000-7000-8000-00000000000a', now(), now(), '{}')`)
	if err != nil {
		t.Fatal(err)
	}
	var rooms, right int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*), count(*) FILTER (WHERE name = tenant) FROM rooms`).Scan(&rooms, &right); err != nil {
		t.Fatal(err)
	}
	if rooms != 3 || right != 3 {
		t.Errorf("of %d rooms %d have their tenant", rooms, right)
	}
}

func TestSeveralProcessesMigrateOnce(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			if err := newStore(t, database).migrate(t.Context()); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	starting.Wait()
}

func TestWithoutMigratingTheSchemaIsWaitedFor(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	cfg := Config{URL: config.Secret(database), PoolSize: 2, StatementTimeout: time.Second}
	waiting, err := New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting.migrate(t.Context()); err == nil {
		t.Error("it goes on without a schema")
	}
	if err := newStore(t, database).migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, waiting)
}

func TestAServerThatComesLaterIsWaitedFor(t *testing.T) {
	existing := enginetest.PostgresDatabase(t)
	later, err := url.Parse(existing)
	if err != nil {
		t.Fatal(err)
	}
	later.Path += "_later"
	name := strings.TrimPrefix(later.Path, "/")
	s := newStore(t, later.String())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if _, err := s.Rooms(t.Context(), uuid.New()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a database: %v", err)
	}
	if _, err := s.Lead(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the lead without a database: %v", err)
	}
	db := openSQL(t, existing)
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	awaitPing(t, s)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

func awaitPing(t *testing.T, s *Store) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for s.Ping(deadline) != nil {
		select {
		case <-poll.C:
		case <-deadline.Done():
			t.Fatal("the store does not answer")
		}
	}
}

func TestLostConnectionsAreMadeAnew(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	db := openSQL(t, database)
	_, err := db.ExecContext(t.Context(), `
		SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
	awaitPing(t, s)
}

func TestASlowStatementIsUnavailable(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	cfg := Config{URL: config.Secret(database), PoolSize: 2, StatementTimeout: 200 * time.Millisecond, Migrate: true}
	s, err := New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, s)
	db := openSQL(t, database)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() // it only holds a lock
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE users"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = s.PutUser(t.Context(), store.User{ID: uuid.New(), DisplayName: "alice"}, time.Now())
	if waited := time.Since(began); !errors.Is(err, store.ErrUnavailable) || waited > 20*time.Second {
		t.Errorf("after %s: %v", waited, err)
	}
}

// TestStatementsAboutRoomsUseIndexes looks at the plans for a user with some of many rooms.
func TestStatementsAboutRoomsUseIndexes(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) // nothing is lost with it
	_, err = conn.Exec(t.Context(), `
		INSERT INTO users SELECT gen_random_uuid(), 'user ' || n FROM generate_series(1, 2000) AS n;
		INSERT INTO rooms (id, type, created_by, created_at, latest_message, preview)
		SELECT gen_random_uuid(), 'Group', (SELECT id FROM users LIMIT 1), now(), now(), '{}' FROM generate_series(1, 20000);
		INSERT INTO members (room_id, user_id, position, status, joined_at)
		SELECT r.id, u.id, 1, 'Joined', now()
		FROM (SELECT id, row_number() OVER () AS n FROM rooms) r
		JOIN (SELECT id, row_number() OVER () AS n FROM users) u ON u.n IN (r.n % 2000 + 1, (r.n * 7) % 2000 + 1);
		ANALYZE`)
	if err != nil {
		t.Fatal(err)
	}
	var user uuid.UUID
	if err := conn.QueryRow(t.Context(), "SELECT user_id FROM members LIMIT 1").Scan(&user); err != nil {
		t.Fatal(err)
	}
	for statement, args := range map[string][]any{
		selectRoomList:          {user},
		selectOverviews:         {user, 101},
		selectOverviewsOfTenant: {user, 101, "acme"},
		selectOverviewsOfUser:   {uuid.Nil, 101, user, ""},
		selectOneOverview:       {user, ""},
		selectSharing:           {user, []uuid.UUID{user, uuid.New()}},
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+statement, args...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"rooms", "members"} {
			if strings.Contains(strings.Join(plan, "\n"), "Seq Scan on "+table) {
				t.Errorf("%s scans %s:\n%s", statement, table, strings.Join(plan, "\n"))
			}
		}
	}
}

// TestAReadMarkWaitsForAChangeOfTheMembership holds read marks to the order in which the room's transactions commit.
func TestAReadMarkWaitsForAChangeOfTheMembership(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	users := []uuid.UUID{uuid.New(), uuid.New()}
	for _, id := range users {
		if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "somebody"}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	flow := changes.New(s, telemetry.Discard(nil).Propagator)
	room := changes.NewRoom{ID: uuid.New(), Type: wire.Group, Creator: users[0], Users: users, At: time.Now().UTC().Truncate(time.Microsecond)}
	if _, _, err := flow.CreateRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	db := openSQL(t, database)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() // after the commit it has nothing to do
	_, err = tx.ExecContext(t.Context(), "UPDATE rooms SET membership_version = 2 WHERE id = $1", room.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(t.Context(), "UPDATE members SET status = 'Left' WHERE room_id = $1 AND user_id = $2", room.ID, users[1])
	if err != nil {
		t.Fatal(err)
	}
	marks := make(chan error, 2)
	for _, user := range users {
		go func() {
			_, err := flow.MarkRead(context.Background(), room.ID, user, time.Now())
			marks <- err
		}()
	}
	awaitBlocked(t, db, 2)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range users {
		if err := <-marks; errors.Is(err, store.ErrRoomNotFound) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != 1 {
		t.Errorf("%d of the two marks were refused", refused)
	}
	leader, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Release()
	rows, err := leader.Oldest(t.Context(), 10, 1<<20)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	event, err := events.Decode(rows[1].Headers, rows[1].Value)
	if err != nil {
		t.Fatal(err)
	}
	if read := event.Data.(events.RoomRead); read.Version != 2 || len(read.Users) != 1 || read.Users[0] != users[0] {
		t.Errorf("the mark behind the change is %+v", read)
	}
}

func awaitBlocked(t *testing.T, db *sql.DB, want int) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		var blocked int
		err := db.QueryRowContext(deadline, `
			SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&blocked)
		if err != nil {
			t.Fatalf("wait until %d are blocked: %v", want, err)
		}
		if blocked == want {
			return
		}
		<-poll.C
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	const secret = "hunter2"
	faults := Config{URL: "postgres://rooms:" + secret + "@host:no-port/rooms", PoolSize: 0, StatementTimeout: 0}.Validate()
	var named []string
	for _, fault := range faults {
		named = append(named, fault.Variable)
		if strings.Contains(fault.Problem, secret) {
			t.Errorf("the fault of %s tells the password", fault.Variable)
		}
	}
	if strings.Join(named, " ") != "URL POOL_SIZE STATEMENT_TIMEOUT" {
		t.Errorf("faults of %v", named)
	}
	if _, err := New(Config{URL: "postgres://rooms:" + secret + "@host:no-port/rooms"}, telemetry.Discard(nil)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
}
