package cassandra

import "fmt"

// step is one change of the schema, which the table schema_steps records once it is done. Steps are numbered from 1 and made in
// order; only ever append to them. Each only adds, so that the build before it works beside it and after a rollback.
type step struct {
	name    string
	changes []change
}

// change adds a table or a column, or changes how a table is kept.
type change interface {
	doneIn(present tables) bool
	statement(keyspace string) string
	undo(keyspace string) string // drops what statement adds, with all that it holds
}

// tables are the tables of a keyspace, each with its columns and the options of its compaction, see [optionOf].
type tables map[string]map[string]bool

// table is a table to be made. Its CQL is what Cassandra 5 and ScyllaDB both speak.
type table struct {
	name    string
	columns string
	options string
}

func (t table) doneIn(present tables) bool { return present[t.name] != nil }

func (t table) statement(keyspace string) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s (%s) WITH %s", keyspace, t.name, t.columns, t.options)
}

func (t table) undo(keyspace string) string {
	return fmt.Sprintf("DROP TABLE IF EXISTS %s.%s", keyspace, t.name)
}

// column is a column to be added to a table.
type column struct{ table, name, cqlType string }

func (c column) doneIn(present tables) bool { return present[c.table][c.name] }

// statement fails where the column is there: ScyllaDB has no IF NOT EXISTS for columns.
func (c column) statement(keyspace string) string {
	return fmt.Sprintf("ALTER TABLE %s.%s ADD %s %s", keyspace, c.table, c.name, c.cqlType)
}

// undo fails where the column is missing: ScyllaDB has no IF EXISTS for columns. A column that is made again passes over all that is written with a
// time before it was dropped, and so over what the log has of the messages of before.
func (c column) undo(keyspace string) string {
	return fmt.Sprintf("ALTER TABLE %s.%s DROP %s", keyspace, c.table, c.name)
}

// compaction is how the files of a table are put together from now on.
type compaction struct{ table, option, options string }

// doneIn looks for an option that only the new way has.
func (c compaction) doneIn(present tables) bool { return present[c.table][optionOf(c.option)] }

func (c compaction) statement(keyspace string) string {
	return fmt.Sprintf("ALTER TABLE %s.%s WITH %s", keyspace, c.table, c.options)
}

func (c compaction) undo(keyspace string) string {
	return fmt.Sprintf("ALTER TABLE %s.%s WITH %s", keyspace, c.table, byBucket)
}

// optionOf is an option of a table's compaction as [tables] have it, beside the columns. No column has such a name.
func optionOf(name string) string { return "compaction." + name }

// steps make the schema.
//
// messages, message_times and message_ids hold a room's messages of one time bucket in a partition of the same key, so that a
// message goes into all of them in one batch of one partition. In messages the column bucket also has numbers of slices, see slotOf, of rooms that are
// busy. room_places and room_buckets say which partitions a room has: a room's rows in them are few, one for each million offsets of the log in
// which the room has messages, and one for each slice.
var steps = []step{
	{
		name: "timelines", changes: []change{
			table{
				name: "messages", // a room's messages by position
				columns: `room_id uuid, bucket int, epoch int, log_offset bigint,
					message_id uuid, sender_id uuid, type text, body text, created_at bigint,
					PRIMARY KEY ((room_id, bucket), epoch, log_offset)`,
				options: `CLUSTERING ORDER BY (epoch DESC, log_offset DESC) AND ` + byBucket,
			},
			table{
				name: "message_times", // the positions of a room's messages by createdAt
				columns: `room_id uuid, bucket int, created_at bigint, epoch int, log_offset bigint,
					PRIMARY KEY ((room_id, bucket), created_at, epoch, log_offset)`,
				options: `CLUSTERING ORDER BY (created_at DESC, epoch DESC, log_offset DESC) AND ` + byBucket,
			},
			table{
				name: "room_places", // in which buckets and slices the positions of a span are
				columns: `room_id uuid, epoch int, span bigint, bucket int,
					PRIMARY KEY (room_id, epoch, span, bucket)`,
				options: `CLUSTERING ORDER BY (epoch DESC, span DESC, bucket DESC)`,
			},
			table{
				name:    "room_buckets", // which buckets a room has
				columns: `room_id uuid, bucket int, PRIMARY KEY (room_id, bucket)`,
				options: `CLUSTERING ORDER BY (bucket DESC)`,
			},
			table{
				name:    "probe", // one row, to find out whether writes are taken
				columns: `id int PRIMARY KEY, at bigint`,
				options: `comment = 'written by readiness checks'`,
			},
		},
	},
	{
		name: "messages by id", changes: []change{
			table{
				name: "message_ids", // the positions of a room's messages by message id, the first first
				columns: `room_id uuid, bucket int, message_id uuid, epoch int, log_offset bigint,
					PRIMARY KEY ((room_id, bucket), message_id, epoch, log_offset)`,
				options: byBucket,
			},
		},
	},
	{
		name: "revisions", changes: []change{
			// By the position of the record that made it, a content of the message: body, edited_at, deleted_at.
			column{table: "messages", name: "revisions", cqlType: `map<frozen<tuple<int, bigint>>, frozen<tuple<text, bigint, bigint>>>`},
		},
	},
	{
		name: "epochs of the log", changes: []change{
			table{
				name: "log_epochs", // the incarnations of a topic, each with its epoch and what it had of partitions, see RecordLog
				columns: `topic text, newest int STATIC, topic_id uuid, epoch int, partitions int,
					PRIMARY KEY (topic, topic_id)`,
				options: `comment = 'written by lightweight transactions alone; on ScyllaDB without them'`,
			},
		},
	},
	{
		name: "what clients name messages with", changes: []change{
			column{table: "messages", name: "client_id", cqlType: `text`}, // null: the sender gave none
		},
	},
	{
		name: "keys of cursors and claims on messages", changes: []change{
			table{
				name:    "shared_keys", // what all processes sign with
				columns: `name text PRIMARY KEY, key blob`,
				options: `comment = 'what all processes sign with'`,
			},
			table{
				name: "revision_claims", // who revises a message that has the content of the record at a position; rows expire
				columns: `room_id uuid, message_id uuid, epoch int, log_offset bigint, holder uuid,
					PRIMARY KEY ((room_id, message_id), epoch, log_offset, holder)`,
				// A row that comes back because its removal was forgotten expires all the same.
				options: `gc_grace_seconds = 3600`,
			},
		},
	},
	{
		name: "messages by revision", changes: []change{
			table{
				name: "message_revisions", // which message a record of a room's log has edited or deleted
				columns: `room_id uuid, epoch int, span bigint, log_offset bigint, message_id uuid,
					PRIMARY KEY ((room_id, epoch, span), log_offset)`,
				options: `CLUSTERING ORDER BY (log_offset ASC)`,
			},
			table{
				name: "revised_spans", // in which spans there are such records
				columns: `room_id uuid, epoch int, span bigint,
					PRIMARY KEY (room_id, epoch, span)`,
				options: `CLUSTERING ORDER BY (epoch ASC, span ASC)`,
			},
		},
	},
	{
		name: "whom messages mention", changes: []change{
			column{table: "messages", name: "mentions", cqlType: `frozen<list<uuid>>`}, // null: nobody
		},
	},
	{
		name: "slices of busy rooms", changes: []change{
			column{table: "message_ids", name: "pace", cqlType: `tinyint`}, // null: the message is in its bucket, not in a slice of it
		},
	},
	{
		name: "messages by sender", changes: []change{
			table{
				name: "sender_buckets", // in which partitions of messages a user has written, is quoted or is mentioned
				columns: `sender_id uuid, room_id uuid, bucket int,
					PRIMARY KEY (sender_id, room_id, bucket)`,
				options: `comment = 'a row for each room and bucket in which a user has written'`,
			},
			table{
				name: "pending_erasures", // what is to be erased of users who were deleted, all in one partition
				columns: `part int, erasure_id uuid, user_id uuid, tenant text, asked_at bigint,
					stage int, walk blob, erased bigint, claimed_by uuid, claimed_until bigint,
					PRIMARY KEY (part, erasure_id)`,
				// A row is removed when it is finished. One that comes back, because a node was away for longer than this, is known to be finished.
				options: `gc_grace_seconds = 3600`,
			},
			table{
				name:    "finished_erasures",
				columns: `erasure_id uuid PRIMARY KEY, user_id uuid, erased bigint, finished_at bigint`,
				options: `comment = 'what was erased of users who were deleted'`,
			},
		},
	},
	{
		name: "files without what has expired", changes: []change{
			compaction{table: "messages", option: "tombstone_threshold", options: byBucketExpiring},
			compaction{table: "message_times", option: "tombstone_threshold", options: byBucketExpiring},
			compaction{table: "message_ids", option: "tombstone_threshold", options: byBucketExpiring},
		},
	},
	{
		name: "retentions of rooms", changes: []change{
			table{
				name:    "room_retentions", // for how many days a room keeps its messages; 0: for ever
				columns: `room_id uuid PRIMARY KEY, days int`,
				options: `comment = 'a row for each room that does not go by the installation'`,
			},
		},
	},
	{
		name: "whom edited messages mention", changes: []change{
			// By the position of the record that made it, whom a content of the message mentions; without an element: as the column mentions has it.
			column{table: "messages", name: "revised_mentions", cqlType: `map<frozen<tuple<int, bigint>>, frozen<list<uuid>>>`},
		},
	},
}

// byBucket keeps what is written at one time, and so mostly what is of one bucket, together on disk.
const byBucket = `compaction = {'class': 'TimeWindowCompactionStrategy',
	'compaction_window_unit': 'DAYS', 'compaction_window_size': '10'}`

// byBucketExpiring also rewrites a file of which much has expired. A file goes as a whole only when all of it has, and messages of changes of members
// never do.
const byBucketExpiring = `compaction = {'class': 'TimeWindowCompactionStrategy',
	'compaction_window_unit': 'DAYS', 'compaction_window_size': '10',
	'tombstone_threshold': '0.2', 'tombstone_compaction_interval': '86400', 'unchecked_tombstone_compaction': 'true'}`

// bookkeeping is what the steps themselves need.
var bookkeeping = []table{
	{
		name:    "schema_steps", // the steps that are done
		columns: `number int PRIMARY KEY, name text, applied_at timestamp`,
		options: `comment = 'steps of the schema that are done'`,
	},
	{
		name:    "schema_lock", // one row while somebody makes a step; written by lightweight transactions alone
		columns: `id int PRIMARY KEY, holder uuid`,
		options: `comment = 'held by the process that changes the schema; expires by itself'`,
	},
}
