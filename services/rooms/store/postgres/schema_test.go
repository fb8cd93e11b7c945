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
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
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

// A room of a build that knows no tenants of rooms, before the migration or after it, is of its creator's.
func TestRoomsOfEarlierBuildsGetTheirTenant(t *testing.T) {
	db := openSQL(t, enginetest.PostgresDatabase(t))
	provider, err := Schema().Provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 7); err != nil {
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
	if _, err := s.Rooms(t.Context(), uuid.New(), store.RoomQuery{Limit: 1}); !errors.Is(err, store.ErrUnavailable) {
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
	cfg := postgres.Config{URL: config.Secret(database), PoolSize: 2, StatementTimeout: time.Second} // the store starts within it
	s, err := New(cfg, postgres.MigrateAuto, telemetry.Discard(nil))
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

// TestWhatIsListedUsesIndexes looks at the plan for a user with some of many rooms.
func TestWhatIsListedUsesIndexes(t *testing.T) {
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
		CROSS JOIN LATERAL (SELECT r.n % 2000 + 1 UNION SELECT (r.n * 7) % 2000 + 1) AS theirs (n)
		JOIN (SELECT id, row_number() OVER () AS n FROM users) u ON u.n = theirs.n;
		ANALYZE`)
	if err != nil {
		t.Fatal(err)
	}
	var user uuid.UUID
	if err := conn.QueryRow(t.Context(), "SELECT user_id FROM members LIMIT 1").Scan(&user); err != nil {
		t.Fatal(err)
	}
	for statement, args := range map[string][]any{
		selectRoomList: {user, time.Now(), uuid.New(), "Group", true, 50},
		selectRoom:     {user, uuid.New()},
		selectTotals:   {user},
		selectStays:    {user, uuid.New(), 500},
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+statement, args...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(plan, "\n"), "Seq Scan") {
			t.Errorf("it scans:\n%s", strings.Join(plan, "\n"))
		}
	}
}

// Messages are taken, and members change, while somebody marks a room as read: a mark locks its own row, and so waits only for who changes that.
func TestAReadMarkDoesNotWaitForTheRoom(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	users, rooms := seed(t, s, 1)
	flow := changes.New(s, telemetry.Discard(nil).Propagator)
	err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockTaken(ctx, rooms); err != nil {
			return err
		}
		if _, err := tx.LockRoom(ctx, rooms[0]); err != nil {
			return err
		}
		changed, err := flow.MarkRead(t.Context(), changes.Mark{RoomID: rooms[0], UserID: users[1], At: time.Now()})
		if err == nil && !changed {
			t.Error("it changes nothing")
		}
		return err
	})
	if err != nil {
		t.Errorf("while the room is locked: %v", err)
	}
}

// A mark sees who has left, and with it its own end.
func TestAReadMarkWaitsForItsOwnMember(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	users, rooms := seed(t, s, 1)
	flow := changes.New(s, telemetry.Discard(nil).Propagator)
	marked := make(chan error, 1)
	err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockRoom(ctx, rooms[0]); err != nil {
			return err
		}
		if err := tx.Leave(ctx, store.MembershipChange{RoomID: rooms[0], Users: users[1:2], At: time.Now(), Message: uuid.New()}); err != nil {
			return err
		}
		go func() {
			_, err := flow.MarkRead(context.Background(), changes.Mark{RoomID: rooms[0], UserID: users[1], At: time.Now()})
			marked <- err
		}()
		awaitBlocked(t, openSQL(t, database), 1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-marked; !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("who has left marks: %v", err)
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

// What was unread before it was counted stays so.
func TestWhatWasUnreadStaysSo(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	db := openSQL(t, database)
	provider, err := Schema().Provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	before := storetest.NewBeforeCounts()
	for _, insert := range []struct {
		statement string
		args      []any
	}{
		{"INSERT INTO users (id, display_name) SELECT unnest(ARRAY[$1::uuid, $2::uuid, $3::uuid]), 'somebody'", []any{before.Read, before.Unread, before.Never}},
		{`INSERT INTO rooms (id, type, created_by, created_at, latest_message, latest_epoch, latest_offset, preview)
		  VALUES ($1, 'Group', $3, 'epoch', timestamptz 'epoch' + interval '1000 us', 0, 41, '{"type":"New"}'),
		         ($2, 'Group', $3, 'epoch', timestamptz 'epoch' + interval '1 us', -1, -1, '{"type":"New"}')`, []any{before.Room, before.New, before.Read}},
		{
			`INSERT INTO members (room_id, user_id, position, status, joined_at, last_read_at)
			 SELECT room, reader, 0, 'Joined', 'epoch', timestamptz 'epoch' + micros * interval '1 us'
			 FROM unnest(ARRAY[$1::uuid, $2::uuid]) AS room,
			      (VALUES ($3::uuid, 1000), ($4::uuid, 999), ($5::uuid, NULL)) AS reading (reader, micros)`,
			[]any{before.Room, before.New, before.Read, before.Unread, before.Never},
		},
	} {
		if _, err := db.ExecContext(t.Context(), insert.statement, insert.args...); err != nil {
			t.Fatal(err)
		}
	}
	before.Check(t, storetest.Start(t, newStore(t, database)))
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	const secret = "hunter2"
	faults := postgres.Config{URL: "postgres://rooms:" + secret + "@host:no-port/rooms", PoolSize: 0, StatementTimeout: 0}.Validate()
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
	if _, err := New(postgres.Config{URL: "postgres://rooms:" + secret + "@host:no-port/rooms"}, postgres.MigrateAuto, telemetry.Discard(nil)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
}
