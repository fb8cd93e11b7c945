package postgres

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/services/notifications/store"
)

const week = 7 * 24 * time.Hour

// makePartitions makes the partitions of entries, each once for a process.
func (s *Store) makePartitions(ctx context.Context, entries []store.Entry) error {
	for _, of := range s.unknownWeeks(entries) {
		err := s.do(ctx, "make a partition of inboxes", func(ctx context.Context, pool *pgxpool.Pool) error {
			_, err := pool.Exec(ctx, `SELECT make_entries_partition($1)`, of)
			return err
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.weeks[of] = true
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) unknownWeeks(entries []store.Entry) (unknown []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[time.Time]bool{}
	for _, entry := range entries {
		of := weekOf(entry.At)
		if !s.weeks[of] && !seen[of] {
			seen[of] = true
			unknown = append(unknown, of)
		}
	}
	return unknown
}

// weekOf is the Monday with which a time's week begins, UTC, as date_trunc has it. The zero of time.Time is a Monday, too.
func weekOf(at time.Time) time.Time { return at.UTC().Truncate(week) }

// forgetPartitions has all partitions looked for again, after one that was there has been dropped: another process may keep less.
func (s *Store) forgetPartitions(err error) (forgotten bool) {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || failed.Code != "23514" || failed.ConstraintName != "" { // no partition for a row; see Postgres's ExecFindPartition
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.weeks)
	return true
}

// forgetWeeks has partitions looked for again that began before a time.
func (s *Store) forgetWeeks(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.weeks, func(of time.Time, _ bool) bool { return of.Before(before) })
}
