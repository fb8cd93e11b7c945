package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// seed adds two users, and n Groups of theirs.
func seed(t *testing.T, s *Store, n int) (users, rooms []uuid.UUID) {
	t.Helper()
	users = []uuid.UUID{uuid.New(), uuid.New()}
	for _, id := range users {
		if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "somebody"}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		room := changes.NewRoom{ID: uuid.New(), Type: wire.Group, Creator: users[0], Users: users, At: time.Now().UTC().Truncate(time.Microsecond)}
		if _, _, err := changes.New(s, telemetry.Discard(nil).Propagator).CreateRoom(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, room.ID)
	}
	return users, rooms
}

// TestATransactionThatADeadlockEndsIsBegunAnew lets two transactions lock the same rooms, each in its own order.
func TestATransactionThatADeadlockEndsIsBegunAnew(t *testing.T) {
	forDeadlocks := time.Minute // Postgres looks for deadlocks once a second, on a busy machine later
	cfg := postgres.Config{URL: config.Secret(enginetest.PostgresDatabase(t)), PoolSize: 10, StatementTimeout: forDeadlocks}
	s := storeThat(t, cfg, postgres.MigrateAuto)
	storetest.Start(t, s)
	_, rooms := seed(t, s, 2)
	var locked, ended sync.WaitGroup
	locked.Add(2)
	var runs [2]int
	for i := range runs {
		ended.Go(func() {
			err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
				if err := tx.LockRooms(ctx, rooms[i:i+1]); err != nil {
					return err
				}
				if runs[i]++; runs[i] == 1 {
					locked.Done()
					locked.Wait()
				}
				return tx.LockRooms(ctx, rooms[1-i:2-i])
			})
			if err != nil {
				t.Errorf("transaction %d: %v", i, err)
			}
		})
	}
	ended.Wait()
	if runs[0]+runs[1] < 3 { // a slow server may end both
		t.Errorf("they ran %v times", runs)
	}
}

func TestATransactionThatIsAlwaysEndedGivesUp(t *testing.T) {
	s := newStore(t, enginetest.PostgresDatabase(t))
	storetest.Start(t, s)
	runs := 0
	err := s.Transact(t.Context(), "test", func(context.Context, store.Tx) error {
		runs++
		return storeError("lose", &pgconn.PgError{Code: "40001"})
	})
	if !errors.Is(err, store.ErrUnavailable) || runs != 4 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

// statements counts what is sent to the database in one round trip each.
type statements struct {
	mu  sync.Mutex
	sql []string
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sql = append(s.sql, strings.Join(strings.Fields(data.SQL), " "))
	return ctx
}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sql = append(s.sql, fmt.Sprintf("%d at once", data.Batch.Len()))
	return ctx
}

func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestRoundTripsOfAChange holds each change to the number of statements that it may send, begin and commit among them.
func TestRoundTripsOfAChange(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	users, rooms := seed(t, s, 2)
	sent := &statements{}
	cfg, err := pgxpool.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.Tracer = sent
	counted, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(counted.Close)
	s.db.Use(counted)
	flow := changes.New(s, telemetry.Discard(nil).Propagator)
	room := changes.NewRoom{ID: uuid.New(), Type: wire.Single, Creator: users[0], Users: users, At: time.Now()}
	for _, c := range []struct {
		name string
		most int
		do   func() error
	}{
		{"create a room", 7, func() error { _, _, err := flow.CreateRoom(t.Context(), room); return err }},
		{"create a room that the pair has", 6, func() error {
			room.ID = uuid.New()
			if _, _, err := flow.CreateRoom(t.Context(), room); !errors.Is(err, store.ErrRoomExists) {
				return err
			}
			return nil
		}},
		{"write a user and invite it", 13, func() error {
			guest := store.User{ID: uuid.New(), DisplayName: "guest"}
			if err := s.PutUser(t.Context(), guest, time.Now()); err != nil {
				return err
			}
			_, err := flow.Invite(t.Context(), changes.Invitation{RoomID: rooms[0], By: changes.Member(users[0]), User: guest.ID, At: time.Now(), MaxMembers: 10})
			return err
		}},
		{"leave a Group", 9, func() error {
			_, err := flow.Leave(t.Context(), rooms[1], users[1], time.Now())
			return err
		}},
		{"take messages", 6, func() error {
			return flow.ApplyMessages(t.Context(), []changes.Posted{{RoomID: rooms[0], SenderID: users[0], At: time.Now()}})
		}},
		{"take messages again", 3, func() error {
			return flow.ApplyMessages(t.Context(), []changes.Posted{{RoomID: rooms[0], SenderID: users[0], At: time.Now()}})
		}},
		{"mark as read", 5, func() error {
			return second(flow.MarkRead(t.Context(), changes.Mark{RoomID: rooms[0], UserID: users[1], At: time.Now()}))
		}},
		{"mark as read again", 4, func() error {
			return second(flow.MarkRead(t.Context(), changes.Mark{RoomID: rooms[0], UserID: users[1], At: time.Now()}))
		}},
		{"tell of a mark", 5, func() error { return second(flow.TellMarks(t.Context(), time.Now(), time.Now())) }},
		{"put a user", 1, func() error {
			return s.PutUser(t.Context(), store.User{ID: users[0], DisplayName: "renamed"}, time.Now())
		}},
	} {
		sent.sql = nil
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(sent.sql) > c.most {
			t.Errorf("%s: %d statements, want at most %d:\n%s", c.name, len(sent.sql), c.most, strings.Join(sent.sql, "\n"))
		}
	}
}

func second(_ bool, err error) error { return err }

// TestTheStatementsOfAChangeUseIndexes looks at the plans with many users and rooms.
func TestTheStatementsOfAChangeUseIndexes(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) // nothing is lost with it
	_, err = conn.Exec(t.Context(), `
		INSERT INTO users SELECT gen_random_uuid(), 'user ' || n FROM generate_series(1, 5000) AS n;
		INSERT INTO rooms (id, type, created_by, created_at, latest_message, preview)
		SELECT gen_random_uuid(), 'Group', (SELECT id FROM users LIMIT 1), now(), now(), '{}' FROM generate_series(1, 5000);
		INSERT INTO members (room_id, user_id, position, status, joined_at)
		SELECT r.id, u.id, 1, 'Joined', now()
		FROM (SELECT id, row_number() OVER () AS n FROM rooms) r
		CROSS JOIN LATERAL (VALUES (r.n), (r.n % 5000 + 1)) AS theirs (n)
		JOIN (SELECT id, row_number() OVER () AS n FROM users) u ON u.n = theirs.n;
		INSERT INTO message_positions (room_id, message_id, sender_id, epoch, log_offset, number, counted, at)
		SELECT r.id, gen_random_uuid(), r.created_by, 0, n, n, n, now() FROM rooms r, generate_series(1, 10) AS n;
		ANALYZE`)
	if err != nil {
		t.Fatal(err)
	}
	id, now := uuid.New(), time.Now()
	ids := make([]uuid.UUID, 5)
	for statement, args := range map[string][]any{
		selectUsers:          {ids},
		selectSingleRoom:     {id, id},
		lockRooms:            {ids},
		selectJoined:         {id},
		updateReadMarks:      {ids, ids, []int32{1}, []int64{1}, []int64{1}, []time.Time{now}, ids},
		updateJoined:         {ids, ids, []int32{1}, []int64{1}, []int64{1}, []time.Time{now}, ids},
		updateLatest:         {ids, []time.Time{now}, []wire.Preview{{}}, []int32{1}, []int64{1}, []int64{1}, []int64{1}, []int64{1}},
		insertPositions:      {ids, ids, ids, []int32{1}, []int64{1}, []int64{1}, []int64{1}, []time.Time{now}},
		deletePositions:      {id, 1},
		lockTaken:            {ids},
		lockReader:           {id, id},
		selectTaken:          {id},
		selectByID:           {id, id},
		selectKnownMessages:  {[]uuid.UUID{id}, []uuid.UUID{id}},
		selectUpTo:           {id, 0, 1},
		selectOldest:         {id},
		selectNewestOfOthers: {id, id},
		countOwn:             {id, id, 0, 1},
		updateReadState:      {id, id, 0, 1, 1, 0, true, now, now, true, ""},
		takeUntold:           {now, 10},
		selectToTell:         {ids, ids, []int32{1}, []int64{1}},
		selectReceipts:       {id},
		updateReceipts:       {id, true},
		lockRoom:             {id},
		updateLarge:          {id}, countJoined: {id}, selectJoinedIn: {id, 3, events.SnapshotParts}, selectAudience: {id},
		selectMember:   {id, id},
		selectStanding: {id, id},
		upsertMembers:  {id, ids, now, id},
		updateLeaving:  {id, ids, now, id},
		updateVersion:  {id, 2},
		updateEnded:    {id, now},
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+statement, args...)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan") {
			t.Errorf("it scans: %s\n%s", statement, plan)
		}
	}
}
