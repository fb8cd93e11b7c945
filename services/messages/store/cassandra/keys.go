package cassandra

import (
	"context"
	"errors"

	"github.com/gocql/gocql"
)

const (
	// Written at one and the same time, the greater of two keys stays, on Cassandra and on ScyllaDB: whoever comes late changes nothing that
	// has been read, unless it is at the same moment as the first.
	insertKey = `INSERT INTO shared_keys (name, key) VALUES (?, ?) USING TIMESTAMP 1`
	selectKey = `SELECT key FROM shared_keys WHERE name = ?`
)

// SharedKey implements [store.Store].
func (s *Store) SharedKey(ctx context.Context, name string, proposed []byte) ([]byte, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	key, err := readKey(ctx, session, name)
	if !errors.Is(err, gocql.ErrNotFound) {
		return key, orUnavailable("read a key", err)
	}
	if err := session.Query(insertKey, name, proposed).WithContext(ctx).Idempotent(true).Exec(); err != nil {
		return nil, unavailable("write a key", err)
	}
	key, err = readKey(ctx, session, name)
	return key, orUnavailable("read a key", err)
}

func readKey(ctx context.Context, session *gocql.Session, name string) (key []byte, err error) {
	err = session.Query(selectKey, name).WithContext(ctx).Idempotent(true).Scan(&key)
	return key, err
}

func orUnavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	return unavailable(doing, err)
}
