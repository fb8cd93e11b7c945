package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	selectInbox  = `SELECT newest, deleted_at FROM inboxes WHERE user_id = ?`
	upsertNewest = `INSERT INTO inboxes (user_id, newest) VALUES (?1, ?2) ON CONFLICT (user_id) DO UPDATE SET newest = ?2`
	// selectPresent looks as far as entries with one id may be apart. Without the index's name SQLite goes through all of the user's.
	selectPresent = `SELECT EXISTS (SELECT 1 FROM entries INDEXED BY entries_ids WHERE user_id = ? AND id = ? AND at > ? AND at < ?)`
	insertEntry   = `INSERT INTO entries (user_id, position, id, at, expires_at, event) VALUES (?, ?, ?, ?, ?, ?)`
)

// Put implements [store.Inbox].
func (s *Store) Put(ctx context.Context, entries []store.Entry) (added int, err error) {
	err = s.do("put entries", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) (err error) {
			added, err = put(ctx, tx, entries)
			return err
		})
	})
	return added, err
}

func put(ctx context.Context, tx *sql.Tx, entries []store.Entry) (added int, err error) {
	into, err := prepareInboxes(ctx, tx)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		fresh, err := into.put(ctx, entry)
		if err != nil {
			return 0, err
		}
		if fresh {
			added++
		}
	}
	return added, nil
}

// inboxes are the statements with which a transaction adds entries; they end with it.
type inboxes struct{ inbox, present, insert, newest *sql.Stmt }

func prepareInboxes(ctx context.Context, tx *sql.Tx) (of inboxes, err error) {
	for text, statement := range map[string]**sql.Stmt{
		selectInbox: &of.inbox, selectPresent: &of.present, insertEntry: &of.insert, upsertNewest: &of.newest,
	} {
		if *statement, err = tx.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // they end with the transaction
			return inboxes{}, err
		}
	}
	return of, nil
}

// put adds an entry, unless it does not belong there.
func (i inboxes) put(ctx context.Context, entry store.Entry) (added bool, err error) {
	var (
		newest  int64
		deleted sql.NullInt64
		present bool
		at      = entry.At.UnixMicro()
	)
	err = i.inbox.QueryRowContext(ctx, entry.UserID[:]).Scan(&newest, &deleted)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if deleted.Valid && at < deleted.Int64+store.Settle.Microseconds() {
		return false, nil
	}
	again := store.Again.Microseconds()
	if err := i.present.QueryRowContext(ctx, entry.UserID[:], entry.ID[:], at-again, at+again).Scan(&present); err != nil || present {
		return false, err
	}
	var expires sql.NullInt64
	if !entry.Expires.IsZero() {
		expires = sql.NullInt64{Int64: entry.Expires.UnixMicro(), Valid: true}
	}
	if _, err := i.insert.ExecContext(ctx, entry.UserID[:], newest+1, entry.ID[:], at, expires, string(entry.Event)); err != nil {
		return false, err
	}
	_, err = i.newest.ExecContext(ctx, entry.UserID[:], newest+1)
	return err == nil, err
}

const (
	selectEntries = `
SELECT e.position, e.id, e.at, e.read OR e.position <= i.read_up_to, e.event
FROM inboxes i JOIN entries e USING (user_id)
WHERE i.user_id = ? AND e.position > ? AND e.position < ? AND e.at > ? AND (e.expires_at IS NULL OR e.expires_at > ?)`
	oldestEntries = selectEntries + ` ORDER BY e.position LIMIT ?`
	newestEntries = selectEntries + ` ORDER BY e.position DESC LIMIT ?`
	maxPosition   = 1<<63 - 1
)

// Entries implements [store.Inbox].
func (s *Store) Entries(ctx context.Context, user uuid.UUID, span store.Span, kept store.Kept, limit int) (entries []store.Entry, err error) {
	statement, before := newestEntries, span.Before
	if span.Oldest {
		statement = oldestEntries
	}
	if before == 0 {
		before = maxPosition
	}
	err = s.do("read an inbox", func(db *sqlite.DB) error {
		rows, err := db.Readers.QueryContext(ctx, statement, user[:], span.From, before, kept.Since.UnixMicro(), kept.Now.UnixMicro(), limit)
		if err != nil {
			return err
		}
		entries, err = scanEntries(rows, user)
		return err
	})
	return entries, err
}

func scanEntries(rows *sql.Rows, user uuid.UUID) (entries []store.Entry, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		entry := store.Entry{UserID: user}
		var at int64
		if err := rows.Scan(&entry.Position, &entry.ID, &at, &entry.Read, &entry.Event); err != nil {
			return nil, fmt.Errorf("read an entry: %w", err)
		}
		entry.At = fromMicros(at)
		entries = append(entries, entry)
	}
	return entries, rows.Err()
}

const selectUnread = `
SELECT count(*), coalesce((SELECT newest FROM inboxes WHERE user_id = ?1), 0) FROM (
    SELECT 1 FROM inboxes i JOIN entries e USING (user_id)
    WHERE i.user_id = ?1 AND e.position > i.read_up_to AND NOT e.read AND e.at > ?2 AND (e.expires_at IS NULL OR e.expires_at > ?3)
    LIMIT ?4)`

// querier is a pool of connections or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func unread(ctx context.Context, db querier, user uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	err = db.QueryRowContext(ctx, selectUnread, user[:], kept.Since.UnixMicro(), kept.Now.UnixMicro(), store.Counted).Scan(&counts.Unread, &counts.Newest)
	return counts, err
}

// Unread implements [store.Inbox].
func (s *Store) Unread(ctx context.Context, user uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	err = s.do("count what is unread", func(db *sqlite.DB) error {
		counts, err = unread(ctx, db.Readers, user, kept)
		return err
	})
	return counts, err
}

const updateReadUpTo = `UPDATE inboxes SET read_up_to = max(read_up_to, min(?2, newest)) WHERE user_id = ?1`

// ReadUpTo implements [store.Inbox].
func (s *Store) ReadUpTo(ctx context.Context, user uuid.UUID, position int64, kept store.Kept) (counts store.Counts, err error) {
	return s.mark(ctx, user, kept, updateReadUpTo, user[:], position)
}

// Read implements [store.Inbox].
func (s *Store) Read(ctx context.Context, user uuid.UUID, ids []uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	statement := `UPDATE entries INDEXED BY entries_ids SET read = 1 WHERE user_id = ? AND NOT read AND id IN (?` + strings.Repeat(`, ?`, max(len(ids)-1, 0)) + `)`
	args := []any{user[:]}
	for _, id := range ids {
		args = append(args, id[:])
	}
	if len(ids) == 0 {
		return s.Unread(ctx, user, kept)
	}
	return s.mark(ctx, user, kept, statement, args...)
}

func (s *Store) mark(ctx context.Context, user uuid.UUID, kept store.Kept, statement string, args ...any) (counts store.Counts, err error) {
	err = s.do("mark as read", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
				return err
			}
			counts, err = unread(ctx, tx, user, kept)
			return err
		})
	})
	return counts, err
}

const (
	upsertDeleted = `
INSERT INTO inboxes (user_id, deleted_at) VALUES (?1, ?2)
ON CONFLICT (user_id) DO UPDATE SET deleted_at = max(coalesce(deleted_at, 0), ?2)`
	deleteErased = `
DELETE FROM entries WHERE (user_id, position) IN (SELECT user_id, position FROM entries WHERE user_id = ? AND at < ? ORDER BY position LIMIT ?)`
)

// Erase implements [store.Inbox].
func (s *Store) Erase(ctx context.Context, user uuid.UUID, at time.Time, limit int) (erased int, err error) {
	err = s.do("erase an inbox", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, upsertDeleted, user[:], at.UnixMicro()); err != nil {
				return err
			}
			erased, err = affected(tx.ExecContext(ctx, deleteErased, user[:], at.Add(store.Settle).UnixMicro(), limit))
			return err
		})
	})
	return erased, err
}

func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

const (
	deleteOld = `
DELETE FROM entries WHERE (user_id, position) IN (SELECT user_id, position FROM entries WHERE at <= ? ORDER BY at LIMIT ?)`
	deleteExpired = `
DELETE FROM entries WHERE (user_id, position) IN (SELECT user_id, position FROM entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`
	deleteEnded = `
DELETE FROM inboxes WHERE user_id IN (
    SELECT user_id FROM inboxes i WHERE deleted_at < ? AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.user_id = i.user_id) LIMIT ?)`
)

// Clear implements [store.Inbox].
func (s *Store) Clear(ctx context.Context, kept store.Kept, limit int) (more bool, err error) {
	err = s.do("delete what is not shown any more", func(db *sqlite.DB) error {
		for _, c := range []struct {
			statement string
			than      time.Time
		}{{deleteOld, kept.Since}, {deleteExpired, kept.Now}, {deleteEnded, kept.Since}} {
			deleted, err := affected(db.Writer.ExecContext(ctx, c.statement, c.than.UnixMicro(), limit))
			if err != nil {
				return err
			}
			more = more || deleted == limit
		}
		return nil
	})
	return more, err
}
