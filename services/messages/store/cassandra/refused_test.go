package cassandra_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func testUnstorable(t *testing.T, cfg cassandra.Config) {
	s := storetest.Start(t, newStore(t, cfg))
	room := uuid.Must(uuid.NewV7())
	for name, body := range map[string]string{"no text": "{\"text\":\"\xff\"}", "more than a node takes": strings.Repeat("7", 17<<20)} {
		bad := entry(room, 2)
		bad.Message.Body = []byte(body)
		if err := s.Append(t.Context(), []store.Entry{entry(room, 1), bad}); !errors.Is(err, store.ErrUnstorable) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: append gives %v, want ErrUnstorable", name, err)
		}
	}
	if err := s.Append(t.Context(), []store.Entry{entry(room, 3)}); err != nil {
		t.Errorf("another message: %v", err)
	}
}

// TestATableThatIsMissingIsAnOutage takes the table of messages away: the nodes have the same code for that as for a value that they refuse.
func TestATableThatIsMissingIsAnOutage(t *testing.T) {
	cfg := cassandratest.Config(t)
	s := storetest.Start(t, newStore(t, cfg))
	room := uuid.Must(uuid.NewV7())
	if err := s.Append(t.Context(), []store.Entry{entry(room, 1)}); err != nil {
		t.Fatal(err)
	}
	drop(t, cfg, "messages")
	var refused gocql.RequestError
	err := s.Append(t.Context(), []store.Entry{entry(room, 2)})
	if !errors.As(err, &refused) || refused.Code() != gocql.ErrCodeInvalid {
		t.Fatalf("append gives %v", err)
	}
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnstorable) {
		t.Errorf("append gives %v, want ErrUnavailable", err)
	}
}

func drop(t *testing.T, cfg cassandra.Config, table string) {
	t.Helper()
	if err := connect(t, cfg).Query("DROP TABLE " + table).Exec(); err != nil {
		t.Fatal(err)
	}
}

// connect gives a session in the store's keyspace.
func connect(tb testing.TB, cfg cassandra.Config) *gocql.Session {
	tb.Helper()
	cluster := gocql.NewCluster(cfg.Hosts...)
	cluster.ProtoVersion = 4
	cluster.Timeout, cluster.ConnectTimeout = time.Minute, time.Minute
	cluster.Keyspace, cluster.NumConns = cfg.Keyspace, 1
	cluster.Authenticator = gocql.PasswordAuthenticator{Username: cfg.Username, Password: cfg.Password.Reveal()}
	session, err := cluster.CreateSession()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(session.Close)
	return session
}

// deadlines notes the deadline of each query that has a span.
type deadlines struct {
	trace.Tracer
	mu   sync.Mutex
	seen map[string]map[time.Time]bool // by the span's name
}

func (d *deadlines) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	deadline, _ := ctx.Deadline()
	d.mu.Lock()
	if d.seen[name] == nil {
		d.seen[name] = map[time.Time]bool{}
	}
	d.seen[name][deadline] = true
	d.mu.Unlock()
	return d.Tracer.Start(ctx, name, options...)
}

// provider gives one tracer to all.
type provider struct {
	trace.TracerProvider
	tracer trace.Tracer
}

func (p provider) Tracer(string, ...trace.TracerOption) trace.Tracer { return p.tracer }

// testDeadlines appends to more rooms than are asked for at once.
func testDeadlines(t *testing.T, cfg cassandra.Config) {
	const rooms = 40
	sdk := sdktrace.NewTracerProvider()
	noted := &deadlines{Tracer: sdk.Tracer("test"), seen: map[string]map[time.Time]bool{}}
	tel := telemetry.Discard(nil)
	tel.Tracer = provider{sdk, noted}
	s, err := cassandra.New(cfg, cassandra.MigrateAuto, tel)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, s)
	ctx, span := sdk.Tracer("test").Start(t.Context(), "batch")
	defer span.End()
	entries := make([]store.Entry, rooms)
	for i := range entries {
		entries[i] = entry(uuid.Must(uuid.NewV7()), int64(i))
	}
	for range 2 { // a replay also reads what is there
		if err := s.Append(ctx, entries); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range []string{
		"SELECT room_places", "BATCH INSERT room_places room_buckets", "SELECT messages", "BATCH INSERT messages message_times message_ids",
	} {
		if distinct := len(noted.seen[query]); distinct < rooms || noted.seen[query][time.Time{}] {
			t.Errorf("%s: %d deadlines for %d rooms", query, distinct, rooms)
		}
	}
}
