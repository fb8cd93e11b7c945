package postgres

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// reconnect gives the store a pool whose connections are as configure says, for the rest of the test.
func reconnect(t *testing.T, s *Store, url string, configure func(cfg *pgx.ConnConfig)) {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	configure(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s.db.Use(pool)
}

// TestOnlyTheFaultOfAValueIsAValues takes messages into a database that takes no writes, lets nobody write, or is given what it cannot keep.
func TestOnlyTheFaultOfAValueIsAValues(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	s := newStore(t, url)
	storetest.Start(t, s)
	users, rooms := seed(t, s, 1)
	flow := changes.New(s, telemetry.Discard(nil).Propagator)
	take := func(text string) error {
		return flow.ApplyMessages(t.Context(), []changes.Posted{{
			RoomID: rooms[0], SenderID: users[0], At: time.Now(), Preview: wire.TextPreview("alice", text), Position: events.Position{Offset: 1},
		}})
	}
	parameter := func(name, value string) func(cfg *pgx.ConnConfig) {
		return func(cfg *pgx.ConnConfig) { cfg.RuntimeParams[name] = value }
	}
	for name, c := range map[string]struct {
		configure func(cfg *pgx.ConnConfig)
		do        func() error
		code      string
		want      error
	}{
		"a NUL character in a preview": {parameter("timezone", "UTC"), func() error { return take("Soup?\x00") }, "22P05", store.ErrUnstorable},
		"a text that is none": {parameter("timezone", "UTC"), func() error {
			return s.PutUser(t.Context(), store.User{ID: uuid.New(), DisplayName: "\xff"}, time.Time{})
		}, "22021", store.ErrUnstorable},
		"a database that is read only": {parameter("default_transaction_read_only", "on"), func() error { return take("Soup?") }, "25006", store.ErrUnavailable},
		"a role that may not":          {parameter("role", "pg_monitor"), func() error { return take("Soup?") }, "42501", store.ErrUnavailable},
		"a statement that takes forever": {parameter("statement_timeout", "1"), func() error {
			return s.Transact(t.Context(), "test", func(ctx context.Context, begun store.Tx) error {
				_, err := begun.(tx).db.Exec(ctx, "SELECT pg_sleep(60)")
				return storeError("sleep", err)
			})
		}, "57014", store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			reconnect(t, s, url, c.configure)
			err := c.do()
			failed, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || failed.Code != c.code {
				t.Fatalf("it gives %v, want the code %s", err, c.code)
			}
			if !errors.Is(err, c.want) || errors.Is(err, store.ErrUnavailable) == errors.Is(err, store.ErrUnstorable) {
				t.Errorf("it gives %v, want %v", err, c.want)
			}
		})
	}
}

// TestEachCodeIsWhatItSays has the codes that a test cannot make of a server.
func TestEachCodeIsWhatItSays(t *testing.T) {
	for code, want := range map[string]error{
		"53100": store.ErrUnavailable, // disk full
		"53300": store.ErrUnavailable, // too many connections
		"57P03": store.ErrUnavailable, // starting
		"40001": store.ErrUnavailable, // always ended in favour of others
		"XX001": store.ErrUnavailable, // a file is broken
		"58030": store.ErrUnavailable, // a disk fails
		"22003": store.ErrUnstorable,  // a number out of range
		"23514": store.ErrUnstorable,  // a check
	} {
		err := storeError("try", &pgconn.PgError{Code: code})
		if !errors.Is(err, want) || errors.Is(err, store.ErrUnavailable) == errors.Is(err, store.ErrUnstorable) {
			t.Errorf("%s gives %v, want %v", code, err, want)
		}
	}
	if err := storeError("try", &pgconn.PgError{Code: "42601"}); errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnstorable) {
		t.Errorf("wrong SQL gives %v", err)
	}
}

// deadlines notes the deadline of each statement.
type deadlines struct {
	mu   sync.Mutex
	seen map[time.Time]string
	none []string
}

func (d *deadlines) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		d.seen[deadline] = data.SQL
	} else {
		d.none = append(d.none, data.SQL)
	}
	return ctx
}

func (d *deadlines) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestEachStepOfATransactionHasADeadlineOfItsOwn(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	s := newStore(t, url)
	storetest.Start(t, s)
	users, rooms := seed(t, s, 1)
	noted := &deadlines{}
	reconnect(t, s, url, func(cfg *pgx.ConnConfig) { cfg.Tracer = noted })
	flow := changes.New(s, telemetry.Discard(nil).Propagator)
	for name, c := range map[string]struct {
		steps int
		do    func() error
	}{
		"take messages": {6, func() error {
			return flow.ApplyMessages(t.Context(), []changes.Posted{{RoomID: rooms[0], SenderID: users[0], At: time.Now()}})
		}},
		"mark as read": {5, func() error {
			return second(flow.MarkRead(t.Context(), changes.Mark{RoomID: rooms[0], UserID: users[1], At: time.Now()}))
		}},
		"mark as read what is not there": {3, func() error {
			if _, err := flow.MarkRead(t.Context(), changes.Mark{RoomID: uuid.New(), UserID: users[1], At: time.Now()}); !errors.Is(err, store.ErrRoomNotFound) {
				return err
			}
			return nil
		}},
	} {
		noted.seen, noted.none = map[time.Time]string{}, nil
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(noted.seen) != c.steps || len(noted.none) != 0 {
			t.Errorf("%s: deadlines of %v, none of %v; want %d", name, noted.seen, noted.none, c.steps)
		}
	}
}
