package cassandra

import (
	"context"
	"fmt"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
)

const (
	selectEpochs = `SELECT newest, topic_id, epoch, partitions FROM log_epochs WHERE topic = ?`
	writeEpoch   = `UPDATE log_epochs SET newest = ?, epoch = ?, partitions = ? WHERE topic = ? AND topic_id = ?`
	takeEpoch    = writeEpoch + ` IF newest = ?`
)

// recorded is what a topic has in log_epochs.
type recorded struct {
	newest *int // the highest epoch; nil as long as there is none
	logs   []bus.RecordedLog
}

func (r recorded) of(id uuid.UUID) (bus.RecordedLog, bool) {
	for _, log := range r.logs {
		if log.ID == id {
			return log, true
		}
	}
	return bus.RecordedLog{}, false
}

// next is the epoch of the next incarnation.
func (r recorded) next(least int32) int32 {
	if r.newest == nil {
		return least
	}
	return max(least, int32(*r.newest)+1)
}

// RecordedLogs implements [bus.Epochs].
func (s *Store) RecordedLogs(ctx context.Context, topic string) ([]bus.RecordedLog, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	found, err := readEpochs(ctx, session, topic)
	if err != nil {
		return nil, unavailable("read epochs of the log", err)
	}
	return found.logs, nil
}

func readEpochs(ctx context.Context, session *gocql.Session, topic string) (recorded, error) {
	var found recorded
	rows := read(ctx, session, selectEpochs, topic)
	var id gocql.UUID
	for epoch, partitions := int32(0), int32(0); rows.Scan(&found.newest, &id, &epoch, &partitions); {
		found.logs = append(found.logs, bus.RecordedLog{
			Incarnation: bus.Incarnation{Topic: topic, ID: uuid.UUID(id), Partitions: partitions}, Epoch: epoch,
		})
	}
	return found, rows.Close()
}

// RecordLog implements [bus.Epochs]. Who writes compares the highest epoch that the topic has with the one that was read, and begins anew when
// another process was faster.
//
// A keyspace of ScyllaDB in tablets may not have lightweight transactions. There the row is written without one: processes that record one topic
// at the same time write the same, unless they are configured with different least epochs, or the topic is made anew twice within
// that moment.
func (s *Store) RecordLog(ctx context.Context, found bus.Incarnation, least int32) (bus.RecordedLog, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return bus.RecordedLog{}, err
	}
	defer cancel()
	scylla, err := isScylla(ctx, session)
	if err != nil {
		return bus.RecordedLog{}, unavailable("record the epoch of the log", err)
	}
	for {
		known, err := readEpochs(ctx, session, found.Topic)
		if err != nil {
			return bus.RecordedLog{}, unavailable("read epochs of the log", err)
		}
		if log, ok := known.of(found.ID); ok {
			return log, nil
		}
		if err := record(ctx, session, bus.RecordedLog{Incarnation: found, Epoch: known.next(least)}, known.newest, scylla); err != nil {
			return bus.RecordedLog{}, unavailable("record the epoch of the log", err)
		}
	}
}

// record writes a row, unless the topic has another highest epoch by now.
func record(ctx context.Context, session *gocql.Session, log bus.RecordedLog, newest *int, plain bool) error {
	args := []any{log.Epoch, log.Epoch, log.Partitions, log.Topic, gocql.UUID(log.ID)}
	if plain {
		return session.Query(writeEpoch, args...).WithContext(ctx).Idempotent(true).Exec()
	}
	query := session.Query(takeEpoch, append(args, newest)...).WithContext(ctx).SerialConsistency(gocql.LocalSerial)
	if _, err := query.MapScanCAS(map[string]any{}); err != nil {
		return fmt.Errorf("take epoch %d: %w", log.Epoch, err)
	}
	return nil
}
