package sqlite

// migrations bring the schema from one version, PRAGMA user_version, to the next. Only ever append to them.
var migrations = []string{`
CREATE TABLE messages (
	room_id    BLOB NOT NULL,
	epoch      INTEGER NOT NULL,
	log_offset INTEGER NOT NULL,
	message_id BLOB NOT NULL,
	sender_id  BLOB NOT NULL,
	type       TEXT NOT NULL,
	body       BLOB NOT NULL,    -- JSON
	created_at INTEGER NOT NULL, -- microseconds since 1970
	PRIMARY KEY (room_id, epoch, log_offset)
) WITHOUT ROWID, STRICT;
CREATE INDEX messages_by_time ON messages (room_id, created_at, epoch, log_offset);
CREATE TABLE probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
`, `
ALTER TABLE messages ADD COLUMN revision_epoch  INTEGER NOT NULL DEFAULT 0; -- with revision_offset: 0, 0 is the original
ALTER TABLE messages ADD COLUMN revision_offset INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edited_at       INTEGER; -- microseconds since 1970
ALTER TABLE messages ADD COLUMN deleted_at      INTEGER; -- microseconds since 1970
CREATE INDEX messages_by_id ON messages (room_id, message_id, epoch, log_offset);
`, `
CREATE TABLE log_epochs (
	topic      TEXT NOT NULL,
	topic_id   BLOB NOT NULL,
	partitions INTEGER NOT NULL, -- when it was recorded
	epoch      INTEGER NOT NULL,
	PRIMARY KEY (topic, topic_id),
	UNIQUE (topic, epoch)
) WITHOUT ROWID, STRICT;
`, `
ALTER TABLE messages ADD COLUMN client_id TEXT NOT NULL DEFAULT ''; -- what the sender named the message with
ALTER TABLE messages ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0; -- 1: the message is at an earlier position, and is shown there
`, `
CREATE TABLE shared_keys (
	name TEXT PRIMARY KEY,
	key  BLOB NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE revision_claims (
	room_id    BLOB NOT NULL,
	message_id BLOB NOT NULL,
	epoch      INTEGER NOT NULL,
	log_offset INTEGER NOT NULL,
	holder     BLOB NOT NULL,
	until      INTEGER NOT NULL, -- microseconds since 1970
	PRIMARY KEY (room_id, message_id, epoch, log_offset)
) WITHOUT ROWID, STRICT;
CREATE INDEX revision_claims_by_time ON revision_claims (until);
`, `
CREATE INDEX messages_by_revision ON messages (room_id, revision_epoch, revision_offset)
WHERE edited_at IS NOT NULL OR deleted_at IS NOT NULL;
`, `
ALTER TABLE messages ADD COLUMN mentions BLOB NOT NULL DEFAULT x''; -- the ids of whom the message mentions, one behind the other
`, `
CREATE INDEX messages_by_sender ON messages (sender_id, room_id, epoch, log_offset);
CREATE TABLE erasures ( -- of what users have written who were deleted
	id            BLOB PRIMARY KEY,
	user_id       BLOB NOT NULL,
	tenant        TEXT NOT NULL,
	at            INTEGER NOT NULL,           -- microseconds since 1970, as all times here
	stage         INTEGER NOT NULL DEFAULT 0, -- of store.Stage
	walk          BLOB,                       -- where the stage goes on; NULL: at the beginning
	erased        INTEGER NOT NULL DEFAULT 0,
	claimed_by    BLOB,
	claimed_until INTEGER,
	finished_at   INTEGER                     -- NULL: not yet
) WITHOUT ROWID, STRICT;
CREATE INDEX erasures_pending ON erasures (id) WHERE finished_at IS NULL;
`, `
CREATE TABLE room_retentions ( -- of rooms that do not go by the installation
	room_id BLOB PRIMARY KEY,
	days    INTEGER NOT NULL -- 0: for ever
) WITHOUT ROWID, STRICT;
`, `
ALTER TABLE messages ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 9223372036854775807; -- microseconds since 1970; the last there is: never
CREATE INDEX messages_by_expiry ON messages (expires_at) WHERE expires_at < 9223372036854775807;
`, `
CREATE TABLE referred_to ( -- whom contents of a message have quoted and mentioned
	room_id    BLOB NOT NULL,
	epoch      INTEGER NOT NULL,
	log_offset INTEGER NOT NULL,
	user_id    BLOB NOT NULL,
	PRIMARY KEY (room_id, epoch, log_offset, user_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX referred_to_by_user ON referred_to (user_id, room_id, epoch, log_offset);
CREATE TRIGGER messages_referred_to AFTER DELETE ON messages BEGIN
	DELETE FROM referred_to WHERE room_id = OLD.room_id AND epoch = OLD.epoch AND log_offset = OLD.log_offset;
END;
INSERT OR IGNORE INTO referred_to (room_id, epoch, log_offset, user_id)
WITH RECURSIVE place(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n < 63)
SELECT room_id, epoch, log_offset, substr(mentions, 16 * n + 1, 16)
FROM messages JOIN place ON 16 * n < length(mentions)
WHERE length(mentions) > 0;
INSERT OR IGNORE INTO referred_to (room_id, epoch, log_offset, user_id)
SELECT room_id, epoch, log_offset, unhex(replace(CAST(body AS TEXT) ->> '$.replySenderId', '-', ''))
FROM messages
WHERE CASE WHEN type = 'Reply' AND json_valid(CAST(body AS TEXT)) THEN length(CAST(body AS TEXT) ->> '$.replySenderId') = 36 ELSE 0 END;
`}
