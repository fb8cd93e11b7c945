package cassandra

import (
	"context"
	"fmt"
	"strings"

	"github.com/gocql/gocql"
)

// table is one table of the schema. Its CQL is what Cassandra 5 and ScyllaDB both speak.
type table struct {
	name    string
	columns string
	options string
}

// schema is the tables, each made where it is missing.
//
// messages and message_times hold a room's messages of one time bucket in a partition of the same key, so that a message
// goes into both in one batch of one partition. room_places and room_buckets say which partitions a room has: a room's
// rows in them are few, one for each million offsets of the log in which the room has messages.
var schema = []table{
	{
		name: "messages", // a room's messages by position
		columns: `room_id uuid, bucket int, epoch int, log_offset bigint,
			message_id uuid, sender_id uuid, type text, body text, created_at bigint,
			PRIMARY KEY ((room_id, bucket), epoch, log_offset)`,
		options: `CLUSTERING ORDER BY (epoch DESC, log_offset DESC) AND ` + byBucket,
	},
	{
		name: "message_times", // the positions of a room's messages by createdAt
		columns: `room_id uuid, bucket int, created_at bigint, epoch int, log_offset bigint,
			PRIMARY KEY ((room_id, bucket), created_at, epoch, log_offset)`,
		options: `CLUSTERING ORDER BY (created_at DESC, epoch DESC, log_offset DESC) AND ` + byBucket,
	},
	{
		name: "room_places", // in which buckets the positions of a span are
		columns: `room_id uuid, epoch int, span bigint, bucket int,
			PRIMARY KEY (room_id, epoch, span, bucket)`,
		options: `CLUSTERING ORDER BY (epoch DESC, span DESC, bucket DESC)`,
	},
	{
		name:    "room_buckets", // which buckets a room has
		columns: `room_id uuid, bucket int, PRIMARY KEY (room_id, bucket)`,
		options: `CLUSTERING ORDER BY (bucket DESC)`,
	},
	{
		name:    "probe", // one row, to find out whether writes are taken
		columns: `id int PRIMARY KEY, at bigint`,
		options: `comment = 'written by readiness checks'`,
	},
}

// byBucket keeps what is written at one time, and so mostly what is of one bucket, together on disk.
const byBucket = `compaction = {'class': 'TimeWindowCompactionStrategy',
	'compaction_window_unit': 'DAYS', 'compaction_window_size': '10'}`

// migrate makes the keyspace and the tables that are missing. It looks first, since even a statement that has nothing to
// do makes the nodes agree on a schema.
func migrate(ctx context.Context, session *gocql.Session, cfg Config) error {
	if err := createKeyspace(ctx, session, cfg); err != nil {
		return err
	}
	present, err := names(ctx, session, `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?`, cfg.Keyspace)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, wanted := range schema {
		if present[wanted.name] {
			continue
		}
		statement := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s (%s) WITH %s", cfg.Keyspace, wanted.name, wanted.columns, wanted.options)
		if err := session.Query(statement).WithContext(ctx).Exec(); err != nil {
			return fmt.Errorf("make table %s: %w", wanted.name, err)
		}
	}
	if err := session.AwaitSchemaAgreement(ctx); err != nil {
		return fmt.Errorf("await agreement on the schema: %w", err)
	}
	return nil
}

func createKeyspace(ctx context.Context, session *gocql.Session, cfg Config) error {
	present, err := names(ctx, session, `SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?`, cfg.Keyspace)
	if err != nil {
		return fmt.Errorf("list keyspaces: %w", err)
	}
	if present[cfg.Keyspace] {
		return nil
	}
	statement := fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': '%d'}",
		cfg.Keyspace, cfg.Datacenter, cfg.ReplicationFactor)
	if err := session.Query(statement).WithContext(ctx).Exec(); err != nil {
		return fmt.Errorf("make keyspace %s: %w", cfg.Keyspace, err)
	}
	return nil
}

func names(ctx context.Context, session *gocql.Session, query string, args ...any) (map[string]bool, error) {
	found := map[string]bool{}
	rows := session.Query(query, args...).WithContext(ctx).Iter()
	for name := ""; rows.Scan(&name); {
		found[strings.ToLower(name)] = true
	}
	return found, rows.Close()
}
