package timeline_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// chronicle is a random log of some rooms, as senders who try again and an outbox that repeats itself make it.
type chronicle struct {
	random  *rand.Rand
	rooms   []uuid.UUID
	records []bus.Record
	said    []said
	changes []events.MembershipChanged
}

// said is a message where the log has it.
type said struct {
	events.MessagePosted
	offset int64
}

func newChronicle(seed uint64, size int) *chronicle {
	c := &chronicle{random: rand.New(rand.NewPCG(seed, 12)), rooms: []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}}
	for len(c.records) < size {
		c.grow()
	}
	return c
}

// grow adds a record. Messages are of days some buckets apart, as if clocks were far off.
func (c *chronicle) grow() {
	switch dice := c.random.IntN(100); {
	case dice < 35 || len(c.said) == 0:
		c.post(c.message(""))
	case dice < 55:
		c.post(c.message(fmt.Sprintf("name %d", len(c.said))))
	case dice < 70:
		if before := c.said[c.random.IntN(len(c.said))].MessagePosted; before.Message.ClientID != "" {
			before.Message.CreatedAt = wire.At(before.Message.CreatedAt.Add(time.Duration(c.random.IntN(1000)) * time.Microsecond))
			before.Pace = c.pace()
			c.post(before) // sent again
		} else {
			c.post(before) // written twice
		}
	case dice < 82:
		of := c.said[c.random.IntN(len(c.said))]
		edit := revision(of.MessagePosted, of.offset, fmt.Sprintf("edited by %d", len(c.records)), len(c.records))
		edit.Pace = of.Pace
		c.add(events.MessageEdited{Revision: edit})
	case dice < 88:
		of := c.said[c.random.IntN(len(c.said))]
		gone := deletion(of.MessagePosted, of.offset, len(c.records))
		gone.Pace = of.Pace
		c.add(events.MessageDeleted{Revision: gone})
	case dice < 95 || len(c.changes) == 0:
		c.changes = append(c.changes, c.change())
		c.add(c.changes[len(c.changes)-1])
	default:
		c.add(c.changes[c.random.IntN(len(c.changes))])
	}
}

// pace is that of a room which is now busy and now quiet, as processes see it that have read different parts of the log.
func (c *chronicle) pace() events.Pace { return []events.Pace{0, 17, 20, 23}[c.random.IntN(4)] }

func (c *chronicle) message(name string) events.MessagePosted {
	m := posted(len(c.records))
	m.Pace = c.pace()
	day := time.Date(2024, 1, 1+c.random.IntN(40), 0, 0, 0, 0, time.UTC)
	m.Message.CreatedAt = wire.At(day.Add(time.Duration(c.random.IntN(23*3600)) * time.Second))
	m.RoomID = c.rooms[c.random.IntN(len(c.rooms))]
	m.Message.RoomID, m.Message.ClientID = m.RoomID, name
	of := m.Message.CreatedAt.UnixMilli()
	if name != "" { // the id has the day, else the time
		of = day.UnixMilli()
	}
	for i := range 6 {
		m.Message.ID[i] = byte(of >> (40 - 8*i))
	}
	return m
}

func (c *chronicle) change() events.MembershipChanged {
	m := c.message("")
	m.Message.Type, m.Message.Body = wire.RoomChange, json.RawMessage(`{"type":"UserLeft"}`)
	return events.MembershipChanged{
		RoomID: m.RoomID, Change: wire.Leave, Member: wire.Member{ID: m.Message.SenderID}, Message: m.Message, Audience: m.Audience,
	}
}

func (c *chronicle) post(m events.MessagePosted) {
	c.add(m)
	c.said = append(c.said, said{MessagePosted: m, offset: c.records[len(c.records)-1].Offset})
}

func (c *chronicle) add(data events.Data) {
	offset := int64(len(c.records))<<19 + 1 // two to a span
	event := events.New("/ism/test", time.Now(), data)
	switch data := data.(type) {
	case events.MessagePosted:
		event.ID = eventOf(data)
	case events.MembershipChanged:
		event.ID = uuid.NewSHA1(uuid.Nil, data.Message.ID[:])
	}
	headers, value, err := events.Encode(event)
	if err != nil {
		panic(err)
	}
	c.records = append(c.records, bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Partition: 3, Offset: offset, Headers: headers, Value: value})
}

// process is a process of messages: its store, its timeline, and what either remembers.
func process(t *testing.T, s store.Store) *timeline.Timeline {
	t.Helper()
	tel := telemetry.Discard(nil)
	lines, err := timeline.New(storetest.Start(t, s), inEpoch(5), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// apply takes records as the consumer group does, in batches of any size.
func (c *chronicle) apply(t *testing.T, lines *timeline.Timeline, records []bus.Record) {
	t.Helper()
	for len(records) > 0 {
		n := 1 + c.random.IntN(min(len(records), 20))
		if err := lines.Apply(t.Context(), records[:n]); err != nil {
			t.Fatal(err)
		}
		records = records[n:]
	}
}

// live has two processes write through some records, in any order, early or late, while one of them after the other has the partition.
func (c *chronicle) live(t *testing.T, processes [2]*timeline.Timeline) {
	t.Helper()
	var pending []bus.Record
	through := func(i int) {
		record := pending[i]
		pending = slices.Delete(pending, i, i+1)
		decoded, err := bus.Decode[events.RoomEvent]([]bus.Record{record})
		if err != nil {
			t.Fatal(err)
		}
		event := events.Event{ID: decoded[0].Event.ID, Data: decoded[0].Event.Data}
		if err := processes[c.random.IntN(2)].WriteThrough(t.Context(), event, events.Position{Epoch: 5, Offset: record.Offset}); err != nil {
			t.Fatal(err)
		}
	}
	applied := 0
	for appended, record := range c.records {
		if !strings.HasSuffix(record.Headers[events.HeaderType], "membership.changed.v1") && c.random.IntN(10) < 7 {
			pending = append(pending, record)
		}
		for len(pending) > 0 && c.random.IntN(2) == 0 {
			through(c.random.IntN(len(pending)))
		}
		if c.random.IntN(8) == 0 {
			again := max(0, applied-c.random.IntN(10)) // what was not committed is taken again
			c.apply(t, processes[c.random.IntN(2)], c.records[again:appended+1])
			applied = appended + 1
		}
	}
	c.apply(t, processes[0], c.records[applied:])
	for len(pending) > 0 {
		through(0)
	}
}

// Once the whole log has been applied, applying it again, from the beginning or from anywhere, by a process that remembers nothing changes no row: neither
// what is in it nor, where the engine keeps it, when it was written. And the timelines are those that a store has which was empty.
func TestReplayingTheWholeLogChangesNoRow(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "messages.db")
				open := func() store.Store { return sqlite.New(path, slog.New(slog.DiscardHandler)) }
				newChronicle(seed, 80).isReplayed(t, open, func(t *testing.T) string { return rowsOfSQLite(t, path) })
			})
		}
	})
	t.Run("Cassandra", func(t *testing.T) {
		cfg := cassandratest.Config(t)
		open := func() store.Store {
			s, err := cassandra.New(cfg, cassandra.MigrateAuto, telemetry.Discard(nil))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		newChronicle(1, 400).isReplayed(t, open, func(t *testing.T) string { return rowsOfCassandra(t, cfg) })
	})
}

func (c *chronicle) isReplayed(t *testing.T, open func() store.Store, rows func(t *testing.T) string) {
	t.Helper()
	var live string
	t.Run("live", func(t *testing.T) {
		s := open()
		c.live(t, [2]*timeline.Timeline{process(t, s), process(t, open())})
		live = c.timelines(t, s)
	})
	before := rows(t)
	t.Run("again", func(t *testing.T) {
		for _, from := range []int{c.random.IntN(len(c.records)), 0} {
			c.apply(t, process(t, open()), c.records[from:])
			if after := rows(t); after != before {
				t.Fatalf("replaying from %d has changed rows:\n%s", from, differences(before, after))
			}
		}
	})
	t.Run("anew", func(t *testing.T) {
		empty := sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler))
		c.apply(t, process(t, empty), c.records)
		if anew := c.timelines(t, empty); anew != live {
			t.Errorf("a store that was empty differs:\n%s", differences(live, anew))
		}
	})
}

// timelines are the whole timelines of all rooms, a line an entry.
func (c *chronicle) timelines(t *testing.T, s store.Store) string {
	t.Helper()
	var all strings.Builder
	for _, room := range c.rooms {
		entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, len(c.records))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			fmt.Fprintf(&all, "%s %v %s %v %s %s\n", room, e.Position, e.Message.ID, e.Revision, e.Message.Body, e.Message.CreatedAt)
		}
	}
	return all.String()
}

// differences are lines that only one of the dumps has, a few of each.
func differences(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	const most = 5
	gone := slices.DeleteFunc(slices.Clone(old), func(line string) bool { return slices.Contains(now, line) })
	come := slices.DeleteFunc(slices.Clone(now), func(line string) bool { return slices.Contains(old, line) })
	return "gone: " + strings.Join(gone[:min(most, len(gone))], "\n") + "\ncome: " + strings.Join(come[:min(most, len(come))], "\n")
}

// rowsOfSQLite are all rows of all tables, but for what readiness checks write.
func rowsOfSQLite(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lines []string
	for _, table := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'probe'`) {
		columns := column(t, db, `SELECT 'quote(' || name || ')' FROM pragma_table_info('`+table+`')`)
		for _, row := range column(t, db, `SELECT `+strings.Join(columns, ` || ' ' || `)+` FROM `+table) {
			lines = append(lines, table+" "+row)
		}
	}
	return sorted(t, lines)
}

func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// rowsOfCassandra are all rows of all tables, but for what readiness checks write, with the write times of all cells that are no collection.
func rowsOfCassandra(t *testing.T, cfg cassandra.Config) string {
	t.Helper()
	cluster := gocql.NewCluster(cfg.Hosts...)
	cluster.ProtoVersion, cluster.NumConns, cluster.Keyspace = 4, 1, cfg.Keyspace
	cluster.Timeout, cluster.ConnectTimeout = time.Minute, time.Minute
	cluster.Authenticator = gocql.PasswordAuthenticator{Username: cfg.Username, Password: cfg.Password.Reveal()}
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	columns := map[string][]string{}
	found := session.Query(`SELECT table_name, column_name, kind, type FROM system_schema.columns WHERE keyspace_name = ?`, cfg.Keyspace).WithContext(t.Context()).Iter()
	for table, column, kind, of := "", "", "", ""; found.Scan(&table, &column, &kind, &of); {
		columns[table] = append(columns[table], column)
		if kind == "regular" && !strings.Contains(of, "<") {
			columns[table] = append(columns[table], "WRITETIME("+column+")")
		}
	}
	if err := found.Close(); err != nil {
		t.Fatal(err)
	}
	delete(columns, "probe")
	var lines []string
	for table, columns := range columns {
		rows := session.Query(`SELECT JSON ` + strings.Join(columns, ", ") + ` FROM ` + table).WithContext(context.WithoutCancel(t.Context())).Iter()
		for row := ""; rows.Scan(&row); {
			lines = append(lines, table+" "+row)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return sorted(t, lines)
}

func sorted(t *testing.T, lines []string) string {
	t.Helper()
	if len(lines) < 20 {
		t.Fatalf("the store has only %d rows", len(lines))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
