package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	insertInboxes = `
INSERT INTO inboxes (user_id) SELECT DISTINCT unnest($1::uuid[]) ORDER BY 1 ON CONFLICT DO NOTHING`
	lockInboxes = `
SELECT user_id, newest, deleted_at FROM inboxes WHERE user_id = ANY ($1) ORDER BY user_id FOR UPDATE`
	// selectPresent gives which of the entries are there. The time keeps it from looking into all partitions.
	selectPresent = `
SELECT n.number FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS n (user_id, id, at, number)
WHERE EXISTS (SELECT FROM entries e WHERE e.user_id = n.user_id AND e.id = n.id AND e.at > n.at - $4::interval AND e.at < n.at + $4::interval)`
	insertEntries = `
INSERT INTO entries (user_id, position, id, at, expires_at, event)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[])`
	updateNewest = `
UPDATE inboxes i SET newest = n.newest FROM unnest($1::uuid[], $2::bigint[]) AS n (user_id, newest) WHERE i.user_id = n.user_id`
)

// Put implements [store.Inbox].
func (s *Store) Put(ctx context.Context, entries []store.Entry) (added int, err error) {
	if len(entries) == 0 {
		return 0, nil
	}
	if err := s.makePartitions(ctx, entries); err != nil {
		return 0, err
	}
	err = s.db.Transact(ctx, func(tx pgx.Tx) (err error) {
		added, err = put(ctx, tx, entries)
		return err
	})
	if s.forgetPartitions(err) {
		return 0, fmt.Errorf("%w: put entries: %w", store.ErrUnavailable, err)
	}
	return added, storeError("put entries", err)
}

func put(ctx context.Context, tx pgx.Tx, entries []store.Entry) (int, error) {
	rows := columnsOf(entries)
	if _, err := tx.Exec(ctx, insertInboxes, rows.users); err != nil {
		return 0, err
	}
	inboxes, err := locked(ctx, tx, rows.users)
	if err != nil {
		return 0, err
	}
	present, err := tx.Query(ctx, selectPresent, rows.users, rows.ids, rows.times, store.Again)
	if err != nil {
		return 0, err
	}
	numbers, err := pgx.CollectRows(present, pgx.RowTo[int64])
	if err != nil {
		return 0, err
	}
	fresh := columnsOf(inboxes.number(entries, numbers))
	if len(fresh.users) == 0 {
		return 0, nil
	}
	_, err = tx.Exec(ctx, insertEntries, fresh.users, fresh.positions, fresh.ids, fresh.times, fresh.expire, fresh.events)
	if err != nil {
		return 0, err
	}
	users, newest := inboxes.newest()
	_, err = tx.Exec(ctx, updateNewest, users, newest)
	return len(fresh.users), err
}

// columns are entries as unnest takes them.
type columns struct {
	users, ids []uuid.UUID
	positions  []int64
	times      []time.Time
	expire     []*time.Time
	events     []string
}

func columnsOf(entries []store.Entry) (c columns) {
	for _, entry := range entries {
		c.users, c.ids = append(c.users, entry.UserID), append(c.ids, entry.ID)
		c.positions, c.times = append(c.positions, entry.Position), append(c.times, entry.At)
		var expires *time.Time
		if !entry.Expires.IsZero() {
			expires = &entry.Expires
		}
		c.expire, c.events = append(c.expire, expires), append(c.events, string(entry.Event))
	}
	return c
}

// inboxes are those that a transaction has locked.
type inboxes map[uuid.UUID]*inbox

type inbox struct {
	newest  int64
	deleted *time.Time // nil: the user was not
}

func locked(ctx context.Context, tx pgx.Tx, users []uuid.UUID) (inboxes, error) {
	rows, err := tx.Query(ctx, lockInboxes, users)
	if err != nil {
		return nil, err
	}
	all := inboxes{}
	var (
		user    uuid.UUID
		newest  int64
		deleted *time.Time
	)
	_, err = pgx.ForEachRow(rows, []any{&user, &newest, &deleted}, func() error {
		all[user] = &inbox{newest: newest, deleted: deleted}
		return nil
	})
	return all, err
}

// number gives the entries that are to be added, with their positions. The numbers of those that are there begin with 1.
func (i inboxes) number(entries []store.Entry, present []int64) (fresh []store.Entry) {
	type key struct{ user, id uuid.UUID }
	seen := make(map[key]bool, len(entries))
	for _, number := range present {
		entry := entries[number-1]
		seen[key{entry.UserID, entry.ID}] = true
	}
	for _, entry := range entries {
		of, name := i[entry.UserID], key{entry.UserID, entry.ID}
		if seen[name] || of.deleted != nil && entry.At.Before(of.deleted.Add(store.Settle)) {
			continue
		}
		seen[name] = true
		of.newest++
		entry.Position = of.newest
		fresh = append(fresh, entry)
	}
	return fresh
}

func (i inboxes) newest() (users []uuid.UUID, newest []int64) {
	for user, of := range i {
		users, newest = append(users, user), append(newest, of.newest)
	}
	return users, newest
}

const (
	selectEntries = `
SELECT e.position, e.id, e.at, e.read OR e.position <= i.read_up_to, e.event
FROM inboxes i JOIN entries e USING (user_id)
WHERE i.user_id = $1 AND e.position > $2 AND e.position < $3 AND e.at > $4 AND (e.expires_at IS NULL OR e.expires_at > $5)`
	oldestEntries = selectEntries + ` ORDER BY e.position LIMIT $6`
	newestEntries = selectEntries + ` ORDER BY e.position DESC LIMIT $6`
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
	err = s.do(ctx, "read an inbox", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, statement, user, span.From, before, kept.Since, kept.Now, limit)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Entry, error) {
			entry := store.Entry{UserID: user}
			var event string
			err := row.Scan(&entry.Position, &entry.ID, &entry.At, &entry.Read, &event)
			entry.At, entry.Event = entry.At.UTC(), []byte(event)
			return entry, err
		})
		return err
	})
	return entries, err
}

const maxPosition = 1<<63 - 1

// selectUnread is bounded: whoever has not looked for a year is not counted out.
const selectUnread = `
SELECT count(*), coalesce((SELECT newest FROM inboxes WHERE user_id = $1), 0) FROM (
    SELECT FROM inboxes i JOIN entries e USING (user_id)
    WHERE i.user_id = $1 AND e.position > i.read_up_to AND NOT e.read AND e.at > $2 AND (e.expires_at IS NULL OR e.expires_at > $3)
    LIMIT $4) AS unread`

func unread(ctx context.Context, db querier, user uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	err = db.QueryRow(ctx, selectUnread, user, kept.Since, kept.Now, store.Counted).Scan(&counts.Unread, &counts.Newest)
	return counts, err
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Unread implements [store.Inbox].
func (s *Store) Unread(ctx context.Context, user uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	err = s.do(ctx, "count what is unread", func(ctx context.Context, pool *pgxpool.Pool) error {
		counts, err = unread(ctx, pool, user, kept)
		return err
	})
	return counts, err
}

const updateReadUpTo = `UPDATE inboxes SET read_up_to = greatest(read_up_to, least($2, newest)) WHERE user_id = $1`

// ReadUpTo implements [store.Inbox].
func (s *Store) ReadUpTo(ctx context.Context, user uuid.UUID, position int64, kept store.Kept) (counts store.Counts, err error) {
	return s.mark(ctx, user, kept, updateReadUpTo, position)
}

const updateRead = `UPDATE entries SET read = true WHERE user_id = $1 AND id = ANY ($2) AND NOT read`

// Read implements [store.Inbox].
func (s *Store) Read(ctx context.Context, user uuid.UUID, ids []uuid.UUID, kept store.Kept) (counts store.Counts, err error) {
	return s.mark(ctx, user, kept, updateRead, ids)
}

func (s *Store) mark(ctx context.Context, user uuid.UUID, kept store.Kept, statement string, marked any) (counts store.Counts, err error) {
	err = s.transact(ctx, "mark as read", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, statement, user, marked); err != nil {
			return err
		}
		counts, err = unread(ctx, tx, user, kept)
		return err
	})
	return counts, err
}

const (
	upsertDeleted = `
INSERT INTO inboxes (user_id, deleted_at) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET deleted_at = greatest(inboxes.deleted_at, excluded.deleted_at)`
	deleteErased = `
DELETE FROM entries WHERE (user_id, position, at) IN (
    SELECT user_id, position, at FROM entries WHERE user_id = $1 AND at < $2 ORDER BY position LIMIT $3)`
)

// Erase implements [store.Inbox].
func (s *Store) Erase(ctx context.Context, user uuid.UUID, at time.Time, limit int) (erased int, err error) {
	err = s.transact(ctx, "erase an inbox", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, upsertDeleted, user, at); err != nil {
			return err
		}
		deleted, err := tx.Exec(ctx, deleteErased, user, at.Add(store.Settle), limit)
		erased = int(deleted.RowsAffected())
		return err
	})
	return erased, err
}

const (
	deleteExpired = `
DELETE FROM entries WHERE (user_id, position, at) IN (
    SELECT user_id, position, at FROM entries WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`
	deleteEnded = `
DELETE FROM inboxes WHERE user_id IN (
    SELECT user_id FROM inboxes i WHERE deleted_at < $1 AND NOT EXISTS (SELECT FROM entries e WHERE e.user_id = i.user_id) LIMIT $2)`
)

// Clear implements [store.Inbox]. Of what happened before a time whole weeks go.
func (s *Store) Clear(ctx context.Context, kept store.Kept, limit int) (more bool, err error) {
	err = s.do(ctx, "drop the partitions of what is old", func(ctx context.Context, pool *pgxpool.Pool) error {
		s.forgetWeeks(kept.Since)
		_, err := pool.Exec(ctx, `SELECT drop_entries_partitions($1)`, kept.Since)
		return err
	})
	for _, c := range []struct {
		statement string
		than      time.Time
	}{{deleteExpired, kept.Now}, {deleteEnded, kept.Since}} {
		if err != nil {
			break
		}
		err = s.do(ctx, "delete what has expired", func(ctx context.Context, pool *pgxpool.Pool) error {
			deleted, err := pool.Exec(ctx, c.statement, c.than, limit)
			more = more || int(deleted.RowsAffected()) == limit
			return err
		})
	}
	return more, err
}
