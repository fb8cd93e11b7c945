package sqlite

import (
	"context"
	"database/sql"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/messages/store"
)

const selectEpochs = `SELECT topic_id, partitions, epoch FROM log_epochs WHERE topic = ?`

// RecordedLogs implements [bus.Epochs].
func (s *Store) RecordedLogs(ctx context.Context, topic string) ([]bus.RecordedLog, error) {
	opened := s.open.Load()
	if opened == nil {
		return nil, store.ErrUnavailable
	}
	rows, err := opened.Readers.QueryContext(ctx, selectEpochs, topic)
	if err != nil {
		return nil, unavailable("read epochs of the log", err)
	}
	defer rows.Close()
	var logs []bus.RecordedLog
	for rows.Next() {
		log := bus.RecordedLog{Incarnation: bus.Incarnation{Topic: topic}}
		if err := rows.Scan(&log.ID, &log.Partitions, &log.Epoch); err != nil {
			return nil, unavailable("read an epoch of the log", err)
		}
		logs = append(logs, log)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("read epochs of the log", err)
	}
	return logs, nil
}

const insertEpoch = `
INSERT INTO log_epochs (topic, topic_id, partitions, epoch)
SELECT ?1, ?2, ?3, max(?4, coalesce(max(epoch) + 1, ?4)) FROM log_epochs WHERE topic = ?1
ON CONFLICT (topic, topic_id) DO NOTHING`

const selectEpoch = `SELECT partitions, epoch FROM log_epochs WHERE topic = ? AND topic_id = ?`

// RecordLog implements [bus.Epochs]. The file has one writer at a time.
func (s *Store) RecordLog(ctx context.Context, found bus.Incarnation, least int32) (bus.RecordedLog, error) {
	opened := s.open.Load()
	if opened == nil {
		return bus.RecordedLog{}, store.ErrUnavailable
	}
	recorded := bus.RecordedLog{Incarnation: found}
	err := opened.Transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, insertEpoch, found.Topic, found.ID[:], found.Partitions, least); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, selectEpoch, found.Topic, found.ID[:]).Scan(&recorded.Partitions, &recorded.Epoch)
	})
	if err != nil {
		return bus.RecordedLog{}, unavailable("record the epoch of the log", err)
	}
	return recorded, nil
}
