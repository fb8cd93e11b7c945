package cassandra_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// beforeSteps is the schema as builds made it that recorded no steps.
var beforeSteps = []string{
	`CREATE TABLE messages (room_id uuid, bucket int, epoch int, log_offset bigint,
		message_id uuid, sender_id uuid, type text, body text, created_at bigint,
		PRIMARY KEY ((room_id, bucket), epoch, log_offset))
		WITH CLUSTERING ORDER BY (epoch DESC, log_offset DESC) AND compaction = {'class': 'TimeWindowCompactionStrategy',
		'compaction_window_unit': 'DAYS', 'compaction_window_size': '10'}`,
	`CREATE TABLE message_times (room_id uuid, bucket int, created_at bigint, epoch int, log_offset bigint,
		PRIMARY KEY ((room_id, bucket), created_at, epoch, log_offset))
		WITH CLUSTERING ORDER BY (created_at DESC, epoch DESC, log_offset DESC) AND compaction = {'class': 'TimeWindowCompactionStrategy',
		'compaction_window_unit': 'DAYS', 'compaction_window_size': '10'}`,
	`CREATE TABLE room_places (room_id uuid, epoch int, span bigint, bucket int, PRIMARY KEY (room_id, epoch, span, bucket))
		WITH CLUSTERING ORDER BY (epoch DESC, span DESC, bucket DESC)`,
	`CREATE TABLE room_buckets (room_id uuid, bucket int, PRIMARY KEY (room_id, bucket)) WITH CLUSTERING ORDER BY (bucket DESC)`,
	`CREATE TABLE probe (id int PRIMARY KEY, at bigint) WITH comment = 'written by readiness checks'`,
}

// What later steps and their records make, as a process leaves it that ends in the middle.
const (
	stepsTable = `CREATE TABLE schema_steps (number int PRIMARY KEY, name text, applied_at timestamp)`
	idsTable   = `CREATE TABLE message_ids (room_id uuid, bucket int, message_id uuid, epoch int, log_offset bigint,
		PRIMARY KEY ((room_id, bucket), message_id, epoch, log_offset))`
	revisionsColumn = `ALTER TABLE messages ADD revisions map<frozen<tuple<int, bigint>>, frozen<tuple<text, bigint, bigint>>>`
	recordFirst     = `INSERT INTO schema_steps (number, name) VALUES (1, 'timelines')`
	recordFuture    = `INSERT INTO schema_steps (number, name) VALUES (99, 'of a newer build')`
)

// session gives the keyspace of a configuration to a test, which it makes, with what the statements make in it.
func session(t *testing.T, cfg cassandra.Config, statements ...string) *gocql.Session {
	t.Helper()
	connect := func(keyspace string) *gocql.Session {
		cluster := gocql.NewCluster(cfg.Hosts...)
		cluster.Keyspace = keyspace
		cluster.ProtoVersion, cluster.NumConns = 4, 1
		cluster.Timeout, cluster.ConnectTimeout = time.Minute, time.Minute
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: cfg.Username, Password: cfg.Password.Reveal()}
		session, err := cluster.CreateSession()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(session.Close)
		return session
	}
	do(t, connect("system"), "CREATE KEYSPACE IF NOT EXISTS "+cfg.Keyspace+" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	own := connect(cfg.Keyspace)
	for _, statement := range statements {
		do(t, own, statement)
	}
	return own
}

func do(t *testing.T, session *gocql.Session, statement string, args ...any) {
	t.Helper()
	if err := session.Query(statement, args...).WithContext(t.Context()).Exec(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// recorded are the steps that a keyspace has, by number.
func recorded(t *testing.T, session *gocql.Session) map[int]string {
	t.Helper()
	found := map[int]string{}
	rows := session.Query(`SELECT number, name FROM schema_steps`).WithContext(t.Context()).Iter()
	for number, name := 0, ""; rows.Scan(&number, &name); {
		found[number] = name
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

func wantAllSteps(t *testing.T, cfg cassandra.Config, session *gocql.Session) {
	t.Helper()
	all, err := cassandra.NewMigrations(cfg).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{}
	for _, step := range all {
		if step.Known {
			want[int(step.Number)] = step.Name
		}
	}
	found := recorded(t, session)
	delete(found, 99)
	if len(want) < 7 || !maps.Equal(found, want) {
		t.Errorf("the steps that are recorded are %v, want %v", found, want)
	}
}

func revised(original store.Entry) store.Entry {
	original.Revision = original.Position.Next()
	original.Message.Body = []byte(`{"text":"edited"}`)
	original.EditedAt = original.Message.CreatedAt.Add(time.Minute)
	return original
}

// works tries the operations that need each of the steps.
func works(t *testing.T, s store.Store) {
	t.Helper()
	original := entry(uuid.Must(uuid.NewV7()), 1)
	original.Message.ClientID, original.Message.Mentions = "a name", []uuid.UUID{uuid.New()}
	wanted := revised(original)
	if err := s.Append(t.Context(), []store.Entry{wanted, original}); err != nil {
		t.Fatal(err)
	}
	found, err := s.Find(t.Context(), original.Message.RoomID, original.Message.ID)
	if err != nil || found.Revision != wanted.Revision || found.Message.ClientID != "a name" ||
		!slices.Equal(found.Message.Mentions, original.Message.Mentions) || string(found.Message.Body) != string(wanted.Message.Body) {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := s.SetRetention(t.Context(), original.Message.RoomID, 30); err != nil {
		t.Errorf("set a retention: %v", err)
	}
}

func TestAnyUnfinishedSchemaIsFinished(t *testing.T) {
	for name, statements := range map[string][]string{
		"of the build before steps, unfinished":   beforeSteps[:2],
		"with changes that are not recorded":      append(slices.Clone(beforeSteps), stepsTable, recordFirst, idsTable, revisionsColumn),
		"with a newer step but not all before it": append(slices.Clone(beforeSteps), stepsTable, recordFirst, revisionsColumn, recordFuture),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cassandratest.Config(t)
			own := session(t, cfg, statements...)
			for range 2 { // the second finds nothing to do
				s := storetest.Start(t, newStore(t, cfg))
				wantAllSteps(t, cfg, own)
				works(t, s)
			}
		})
	}
}

func TestProcessesThatStartAtOnceMakeTheStepsOnce(t *testing.T) {
	cfg := cassandratest.Config(t)
	own := session(t, cfg, beforeSteps...)
	var all sync.WaitGroup
	for range 6 {
		s := newStore(t, cfg)
		all.Go(func() { works(t, storetest.Start(t, s)) })
	}
	all.Wait()
	wantAllSteps(t, cfg, own)
}

func TestAStepWaitsForTheProcessThatMakesOne(t *testing.T) {
	cfg := cassandratest.Config(t)
	own := session(t, cfg, append(slices.Clone(beforeSteps), stepsTable, `CREATE TABLE schema_lock (id int PRIMARY KEY, holder uuid)`)...)
	const left = 2 * time.Second // of the time of a process that was killed
	begin := time.Now()
	do(t, own, `INSERT INTO schema_lock (id, holder) VALUES (1, ?) IF NOT EXISTS USING TTL ?`, gocql.TimeUUID(), int(left.Seconds()))
	works(t, storetest.Start(t, newStore(t, cfg)))
	if took := time.Since(begin); took < left-time.Second { // Cassandra counts whole seconds
		t.Errorf("steps were made after %s, while they were locked", took)
	}
	if err := own.Query(`SELECT holder FROM schema_lock WHERE id = 1`).Consistency(gocql.Consistency(gocql.LocalSerial)).Scan(new(gocql.UUID)); !errors.Is(err, gocql.ErrNotFound) {
		t.Errorf("the lock is not given back: %v", err)
	}
}

// lines keeps what is logged.
type lines chan string

func (l lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l lines) WithGroup(string) slog.Handler            { return l }
func (l lines) Handle(_ context.Context, record slog.Record) error {
	line := record.Message
	record.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	select {
	case l <- line:
	default:
	}
	return nil
}

func (l lines) await(t *testing.T, part string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, part) {
				return
			}
		case <-deadline:
			t.Fatalf("nothing is logged about %q", part)
		}
	}
}

func TestAProcessThatMayNotMakeStepsWaitsForThem(t *testing.T) {
	cfg := cassandratest.Config(t)
	own := session(t, cfg, beforeSteps...)
	logged := make(lines, 1024)
	tel := telemetry.Discard(nil)
	tel.Log = slog.New(logged)
	s, err := cassandra.New(cfg, cassandra.MigrateCheck, tel)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	logged.await(t, "lacks step 1 (timelines), step 2 (messages by id), step 3 (revisions)")
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("it serves meanwhile: %v", err)
	}
	notLooking, err := cassandra.New(cfg, cassandra.MigrateOff, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	storetest.AwaitPing(t, storetest.Start(t, notLooking))
	if schema := schemaOf(t, own, cfg.Keyspace); schema["message_ids.message_id"] != "" {
		t.Error("a process that must not look has made a step")
	}
	storetest.Start(t, newStore(t, cfg))
	storetest.AwaitPing(t, s)
	works(t, s)
}

func TestInspectNamesMissingSteps(t *testing.T) {
	cfg := cassandratest.Config(t)
	own := session(t, cfg, append(slices.Clone(beforeSteps), stepsTable, recordFirst)...)
	found, err := cassandra.Inspect(t.Context(), cfg)
	if err != nil || len(found.MissingTables) < 2 || !slices.Equal(found.MissingTables[:2], []string{"message_ids", "log_epochs"}) ||
		len(found.MissingSteps) < 6 || !slices.Equal(found.MissingSteps[:3], []string{"step 2 (messages by id)", "step 3 (revisions)", "step 4 (epochs of the log)"}) {
		t.Errorf("found %+v, %v", found, err)
	}
	if recorded := recorded(t, own); len(recorded) != 1 {
		t.Errorf("inspecting has recorded %v", recorded)
	}
	storetest.Start(t, newStore(t, cfg))
	if found, err := cassandra.Inspect(t.Context(), cfg); err != nil || len(found.MissingSteps)+len(found.MissingTables) > 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}

// older writes and reads messages with the statements of the build before steps.
type older struct{ session *gocql.Session }

func (o older) write(t *testing.T, e store.Entry) {
	t.Helper()
	const bucketMicros = 10 * 24 * 3600 * 1_000_000
	m, room, id := e.Message, gocql.UUID(e.Message.RoomID), gocql.UUID(e.Message.ID)
	micros := m.CreatedAt.UnixMicro()
	bucket := int(micros / bucketMicros)
	do(t, o.session, `INSERT INTO room_places (room_id, epoch, span, bucket) VALUES (?, ?, ?, ?)`, room, e.Position.Epoch, e.Position.Offset>>20, bucket)
	do(t, o.session, `INSERT INTO room_buckets (room_id, bucket) VALUES (?, ?)`, room, bucket)
	do(t, o.session, `INSERT INTO messages (room_id, bucket, epoch, log_offset, message_id, sender_id, type, body, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?`,
		room, bucket, e.Position.Epoch, e.Position.Offset, id, gocql.UUID(m.SenderID), string(m.Type), string(m.Body), micros, micros)
	do(t, o.session, `INSERT INTO message_times (room_id, bucket, created_at, epoch, log_offset) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`,
		room, bucket, micros, e.Position.Epoch, e.Position.Offset, micros)
}

// bodies are the bodies of a room's messages in the bucket of an entry, the newest first.
func (o older) bodies(t *testing.T, like store.Entry) []string {
	t.Helper()
	const bucketMicros = 10 * 24 * 3600 * 1_000_000
	var found []string
	rows := o.session.Query(`SELECT epoch, log_offset, message_id, sender_id, type, body, created_at FROM messages
		WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset >= ? AND log_offset < ? LIMIT ?`,
		gocql.UUID(like.Message.RoomID), int(like.Message.CreatedAt.UnixMicro()/bucketMicros), like.Position.Epoch, 0, 1<<40, 100).Iter()
	var (
		epoch, offset, created int64
		id, sender             gocql.UUID
		kind, body             string
	)
	for rows.Scan(&epoch, &offset, &id, &sender, &kind, &body, &created) {
		found = append(found, body)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

// now makes an entry as the service does: with an id of the time at which it is created.
func now(room uuid.UUID, offset int64) store.Entry {
	made := entry(room, offset)
	made.Message.CreatedAt = wire.At(time.Now())
	made.Message.Body = []byte(fmt.Sprintf(`{"text":"message %d"}`, offset))
	return made
}

func TestMessagesOfTheBuildBeforeStepsAreReadAndHealed(t *testing.T) {
	cfg := cassandratest.Config(t)
	before := older{session(t, cfg, beforeSteps...)}
	room := uuid.Must(uuid.NewV7())
	old := now(room, 1)
	before.write(t, old)

	s := storetest.Start(t, newStore(t, cfg))
	find := func(what string, wanted store.Entry) {
		t.Helper()
		found, err := s.Find(t.Context(), room, wanted.Message.ID)
		if err != nil || found.Position != wanted.Position || found.Revision != wanted.Revision || string(found.Message.Body) != string(wanted.Message.Body) {
			t.Errorf("%s: found %+v, %v", what, found, err)
		}
	}
	find("a message from before", old)
	if _, err := s.Find(t.Context(), room, uuid.Must(uuid.NewV7())); !errors.Is(err, store.ErrMessageNotFound) {
		t.Errorf("what is not there gives %v", err)
	}
	taker := now(room, 1)
	if err := s.Append(t.Context(), []store.Entry{taker}); !errors.Is(err, store.ErrPositionTaken) {
		t.Errorf("the position of a message from before is given to another: %v", err)
	}

	// A replay writes the look-up of a message from before, and what the build before reads is as it was.
	if err := s.Append(t.Context(), []store.Entry{old, now(room, 2)}); err != nil {
		t.Fatal(err)
	}
	do(t, before.session, `TRUNCATE message_times`) // so that the look-up by id is all there is
	find("a message from before, after a replay", old)
	if bodies := before.bodies(t, old); !slices.Equal(bodies, []string{`{"text":"message 2"}`, `{"text":"message 1"}`}) {
		t.Errorf("the build before reads %v", bodies)
	}

	// The build before does not look whether a position is taken. What it has overwritten is said to be.
	lost := now(room, 3)
	if err := s.Append(t.Context(), []store.Entry{lost}); err != nil {
		t.Fatal(err)
	}
	before.write(t, now(room, 3))
	if _, err := s.Find(t.Context(), room, lost.Message.ID); !errors.Is(err, store.ErrPositionTaken) {
		t.Errorf("a message that was overwritten gives %v, want ErrPositionTaken", err)
	}

	// The build before writes beside this one, and cannot bring back what has been revised.
	beside := now(room, 4)
	before.write(t, beside)
	find("a message from beside, which nobody has replayed", beside)
	edited := revised(old)
	if err := s.Append(t.Context(), []store.Entry{edited}); err != nil {
		t.Fatal(err)
	}
	before.write(t, old)
	find("a revised message", edited)
	if bodies := before.bodies(t, old); !slices.Equal(bodies, []string{`{"text":"message 4"}`, `{"text":"message 3"}`, `{"text":"message 2"}`, `{}`}) {
		t.Errorf("after a revision the build before reads %v", bodies)
	}
	entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10)
	if err != nil || len(entries) != 4 || string(entries[3].Message.Body) != string(edited.Message.Body) {
		t.Errorf("the timeline is %+v, %v", entries, err)
	}
}

func testTwoProcesses(t *testing.T, cfg cassandra.Config) {
	room := uuid.Must(uuid.NewV7())
	first := storetest.Start(t, newStore(t, cfg))
	stored := []store.Entry{entry(room, 1), entry(room, 2), entry(room, 3)}
	if err := first.Append(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	second := storetest.Start(t, newStore(t, cfg))
	for offset := range int64(4) {
		err := second.Append(t.Context(), []store.Entry{entry(room, offset)})
		if taken := errors.Is(err, store.ErrPositionTaken); taken != (offset > 0) {
			t.Errorf("the offset %d of a log that was made anew gives %v", offset, err)
		}
	}
	if err := second.Append(t.Context(), append(stored, entry(room, 4))); err != nil {
		t.Errorf("a replay gives %v", err)
	}
	entries, err := first.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10)
	if err != nil || len(entries) != 5 {
		t.Errorf("the timeline has %d messages (%v), want 5", len(entries), err)
	}
}

// testReplaced looks into the row of a message whose original and two revisions have been superseded.
func testReplaced(t *testing.T, cfg cassandra.Config) {
	own := connect(t, cfg)
	s := storetest.Start(t, newStore(t, cfg))
	original := entry(uuid.Must(uuid.NewV7()), 1)
	contents := []store.Entry{original}
	for offset := range int64(3) {
		next := revised(original)
		next.Revision.Offset += offset
		next.Message.Body = []byte(fmt.Sprintf(`{"text":"revision %d"}`, offset))
		contents = append(contents, next)
	}
	for range 2 {
		for _, content := range contents {
			if err := s.Append(t.Context(), []store.Entry{content}); err != nil {
				t.Fatal(err)
			}
		}
		var row string
		kept := own.Query(`SELECT JSON body, revisions FROM messages WHERE room_id = ? ALLOW FILTERING`, gocql.UUID(original.Message.RoomID))
		if err := kept.WithContext(t.Context()).Scan(&row); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(row, "hello") || strings.Contains(row, "revision 0") || strings.Contains(row, "revision 1") || !strings.Contains(row, "revision 2") {
			t.Errorf("the row has %s", row)
		}
	}
}
