package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
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
	cfg := Config{URL: config.Secret(database), PoolSize: 2, StatementTimeout: 200 * time.Millisecond}
	s, err := New(cfg, MigrateAuto, telemetry.Discard(nil))
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

// TestTheRoomListUsesIndexes looks at the plan for a user with some of many rooms.
func TestTheRoomListUsesIndexes(t *testing.T) {
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
	rows, err := conn.Query(t.Context(), "EXPLAIN "+selectRoomList, user)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"rooms", "members"} {
		if strings.Contains(strings.Join(plan, "\n"), "Seq Scan on "+table) {
			t.Errorf("it scans %s:\n%s", table, strings.Join(plan, "\n"))
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
	if _, err := New(Config{URL: "postgres://rooms:" + secret + "@host:no-port/rooms"}, MigrateAuto, telemetry.Discard(nil)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
}
