package sqlite

import (
	"context"
	"database/sql"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/sqlite"
)

const selectEpochs = `SELECT topic_id, partitions, epoch FROM log_epochs WHERE topic = ?`

// RecordedLogs implements [bus.Epochs].
func (s *Store) RecordedLogs(ctx context.Context, topic string) (logs []bus.RecordedLog, err error) {
	err = s.do("read_epochs", func(db *sqlite.DB) (err error) {
		logs, err = collect(ctx, db.Readers, func(scan func(targets ...any) error) (bus.RecordedLog, error) {
			log := bus.RecordedLog{Incarnation: bus.Incarnation{Topic: topic}}
			err := scan(&log.ID, &log.Partitions, &log.Epoch)
			return log, err
		}, selectEpochs, topic)
		return err
	})
	return logs, err
}

const insertEpoch = `
INSERT INTO log_epochs (topic, topic_id, partitions, epoch)
SELECT ?1, ?2, ?3, max(?4, coalesce(max(epoch) + 1, ?4)) FROM log_epochs WHERE topic = ?1
ON CONFLICT (topic, topic_id) DO NOTHING`

const selectEpoch = `SELECT partitions, epoch FROM log_epochs WHERE topic = ? AND topic_id = ?`

// RecordLog implements [bus.Epochs]. The file has one writer at a time.
func (s *Store) RecordLog(ctx context.Context, found bus.Incarnation, least int32) (bus.RecordedLog, error) {
	recorded := bus.RecordedLog{Incarnation: found}
	err := s.do("record_epoch", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, insertEpoch, found.Topic, found.ID[:], found.Partitions, least); err != nil {
				return err
			}
			return tx.QueryRowContext(ctx, selectEpoch, found.Topic, found.ID[:]).Scan(&recorded.Partitions, &recorded.Epoch)
		})
	})
	if err != nil {
		return bus.RecordedLog{}, err
	}
	return recorded, nil
}
