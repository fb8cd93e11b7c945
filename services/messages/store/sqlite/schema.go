package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

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
`}

func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin schema migration: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it has nothing to do
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("the database has schema version %d, newer than this build's %d", version, len(migrations))
	}
	for i := version; i < len(migrations); i++ {
		if _, err := tx.ExecContext(ctx, migrations[i]); err != nil {
			return fmt.Errorf("migrate schema to version %d: %w", i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(migrations))); err != nil {
		return fmt.Errorf("write schema version: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit schema migration: %w", err)
	}
	return nil
}
