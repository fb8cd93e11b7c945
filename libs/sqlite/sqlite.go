// Package sqlite opens the SQLite file of a service that runs in a single process.
//
// # State
//
// [DB] has two pools on one file in write-ahead logging: Writer has one connection, because SQLite takes one writer at a time, and waiting
// for a connection is fairer than waiting for the file's lock; Readers has several, which read the last commit while somebody writes, and
// which SQLite keeps from writing (query_only).
//
// # Who may touch it
//
// Both pools are safe for concurrent use. Another process may read the file. One that writes to it is waited for up to the busy timeout.
//
// # Lifecycle
//
// [Open] makes the file where it is missing, brings its schema up to date, and tries again until it succeeds or its context is done, so a
// directory may be mounted after the process has started. Whoever has opened it closes it, after all that use it.
//
// # Invariants
//
//   - A commit that has returned survives a power cut (synchronous=full), unless it was made by [DB.TransactUnflushed].
//   - A transaction of Writer takes the write lock when it begins (BEGIN IMMEDIATE): one that took it later could fail as busy with what it
//     has read outdated.
//   - Foreign keys are enforced.
//
// # Failures
//
// A full or read-only disk, or a file that another process holds for longer than the busy timeout, fails the one operation; the next tries
// anew. [IsFault] tells such failures from faults of the program, and [RefusesValue] from those of what is written.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ism-chat/ism/libs/retry"
)

// BusyTimeout is how long a connection waits for a file that another process writes to. The deadline of a write is longer.
const BusyTimeout = 2 * time.Second

const readers = 4

// DB is an open file.
type DB struct {
	Writer  *sql.DB // one connection
	Readers *sql.DB
}

// Open opens the file at path, which is made where it is missing; its directory must exist. While that fails it is tried again, and failed
// is told of the error and of the time until the next attempt. The error is the cause of the end of ctx.
func Open(ctx context.Context, path string, migrate Migrate, failed func(err error, next time.Duration)) (*DB, error) {
	var db *DB
	err := retry.Policy{First: 100 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, func(ctx context.Context) (err error) {
		db, err = open(ctx, path, migrate)
		return err
	}, failed)
	return db, err //nolint:wrapcheck // nil, or the cause of the end of ctx
}

func open(ctx context.Context, path string, migrate Migrate) (*DB, error) {
	writer, err := sql.Open("sqlite", dataSource(path)+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader, err := sql.Open("sqlite", dataSource(path, "query_only(on)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s to read: %w", path, err), writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &DB{Writer: writer, Readers: reader}, nil
}

// dataSource names the file and the pragmas that each connection begins with, see https://sqlite.org/pragma.html.
func dataSource(path string, more ...string) string {
	pragmas := append([]string{
		"journal_mode(wal)", "synchronous(full)", "foreign_keys(on)", fmt.Sprintf("busy_timeout(%d)", BusyTimeout.Milliseconds()),
	}, more...)
	// The path is opaque, as a relative one would otherwise be taken for a host.
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return file.String()
}

// Transact runs change in one transaction of Writer, and commits it if change gives nil. It gives change's error as it is.
func (db *DB) Transact(ctx context.Context, change func(tx *sql.Tx) error) error {
	return transactOn(ctx, db.Writer, change)
}

// beginner is a pool or one of its connections.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

func transactOn(ctx context.Context, on beginner, change func(tx *sql.Tx) error) error {
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it has nothing to do
	if err := change(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// TransactUnflushed is [DB.Transact], and does not wait until the disk has the commit: one that has returned survives the end of the process, and a power cut once
// any transaction after it has returned that was waited for. See https://sqlite.org/pragma.html#pragma_synchronous.
func (db *DB) TransactUnflushed(ctx context.Context, change func(tx *sql.Tx) error) error {
	connection, err := db.Writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer connection.Close() //nolint:errcheck // it goes back to the pool
	if _, err := connection.ExecContext(ctx, "PRAGMA synchronous = normal"); err != nil {
		return errors.Join(fmt.Errorf("begin: %w", err), flushAgain(ctx, connection))
	}
	err = transactOn(ctx, connection, change)
	return errors.Join(err, flushAgain(ctx, connection))
}

// flushAgain has commits of a connection waited for again. One with which that fails is not used any more.
func flushAgain(ctx context.Context, connection *sql.Conn) error {
	_, err := connection.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = full")
	if err == nil {
		return nil
	}
	_ = connection.Raw(func(any) error { return driver.ErrBadConn })
	return fmt.Errorf("have commits flushed again: %w", err)
}

// Connections gives how many connections are in use, and how many there may be.
func (db *DB) Connections() (used, limit float64) {
	return float64(db.Readers.Stats().InUse + db.Writer.Stats().InUse), readers + 1
}

// Close closes both pools, and waits for what they are doing.
func (db *DB) Close() error { return errors.Join(db.Readers.Close(), db.Writer.Close()) }

// IsFault reports whether the error is a fault of the program, such as wrong SQL or a broken constraint, which no later attempt mends.
func IsFault(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch failed.Code() & 0xff { // the primary result code, see https://sqlite.org/rescode.html
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE:
		return true
	default:
		return false
	}
}

// RefusesValue reports whether the error is about what is written, which the file never takes: a broken constraint, a wrong type, something
// too large. The statement is undone; its transaction can go on.
func RefusesValue(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return true
	default:
		return false
	}
}
