package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/libs/bus"
)

const selectEpochs = `SELECT topic_id, partitions, epoch FROM log_epochs WHERE topic = $1`

// RecordedLogs implements [bus.Epochs].
func (s *Store) RecordedLogs(ctx context.Context, topic string) (logs []bus.RecordedLog, err error) {
	err = s.do(ctx, "read_epochs", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectEpochs, topic)
		if err != nil {
			return err
		}
		logs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (bus.RecordedLog, error) {
			log := bus.RecordedLog{Incarnation: bus.Incarnation{Topic: topic}}
			err := row.Scan(&log.ID, &log.Partitions, &log.Epoch)
			return log, err
		})
		return err
	})
	return logs, err
}

// insertEpoch inserts nothing where the topic has the id, or where another incarnation has taken the epoch meanwhile.
const insertEpoch = `
INSERT INTO log_epochs (topic, topic_id, partitions, epoch)
SELECT $1, $2, $3, greatest($4, max(epoch) + 1) FROM log_epochs WHERE topic = $1
ON CONFLICT DO NOTHING`

const selectEpoch = `SELECT partitions, epoch FROM log_epochs WHERE topic = $1 AND topic_id = $2`

// RecordLog implements [bus.Epochs].
func (s *Store) RecordLog(ctx context.Context, found bus.Incarnation, least int32) (bus.RecordedLog, error) {
	recorded := bus.RecordedLog{Incarnation: found}
	err := s.do(ctx, "record_epoch", func(ctx context.Context, pool *pgxpool.Pool) error {
		for {
			if _, err := pool.Exec(ctx, insertEpoch, found.Topic, found.ID, found.Partitions, least); err != nil {
				return err
			}
			err := pool.QueryRow(ctx, selectEpoch, found.Topic, found.ID).Scan(&recorded.Partitions, &recorded.Epoch)
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
	})
	if err != nil {
		return bus.RecordedLog{}, err
	}
	return recorded, nil
}
