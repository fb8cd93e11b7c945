package cassandra

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// maxSenders is how many rows of sender_buckets are known to be written.
	maxSenders = 50_000
	// maxLooked is how many messages one part of a walk looks at, whoever has sent them, and partitionsAtOnce in how many partitions.
	maxLooked        = 2048
	partitionsAtOnce = 32
	// wholeRows is how many messages are read at once with their bodies.
	wholeRows = 128
)

const (
	insertSenderPartition  = `INSERT INTO sender_buckets (sender_id, room_id, bucket) VALUES (?, ?, ?)`
	selectSenderPartitions = `SELECT room_id, bucket FROM sender_buckets WHERE sender_id = ? AND (room_id, bucket) >= (?, ?) LIMIT ?`
	selectSenders          = `SELECT epoch, log_offset, message_id, sender_id FROM messages` + downwards
	selectDownwards        = entryColumns + downwards
	downwards              = `
WHERE room_id = ? AND bucket = ? AND (epoch, log_offset) < (?, ?)
LIMIT ?`
)

// senderPartition is a row of sender_buckets.
type senderPartition struct {
	sender uuid.UUID
	partition
}

// unlistedSenders are the rows that say which partitions have messages that involve users, without those that are known to be there.
func (s *Store) unlistedSenders(entries []store.Entry) map[senderPartition]struct{} {
	missing := unknown(s.senders, entries, func(entry store.Entry) senderPartition {
		return senderPartition{entry.Message.SenderID, partitionOf(entry)}
	})
	for _, entry := range entries {
		for _, user := range entry.ReferredTo() {
			row := senderPartition{user, partitionOf(entry)}
			if _, written := s.senders.Get(row); written {
				continue
			}
			if missing == nil {
				missing = map[senderPartition]struct{}{}
			}
			missing[row] = struct{}{}
		}
	}
	return missing
}

func partitionOf(entry store.Entry) partition {
	return partition{room: entry.Message.RoomID, slot: slotOf(entry)}
}

// listSenders writes rows that say which partitions have messages that involve users.
func (s *Store) listSenders(ctx context.Context, session *gocql.Session, rows map[senderPartition]struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for row := range rows {
		group.Go(func() error {
			ctx, cancel := s.limit(ctx)
			defer cancel()
			err := session.Query(insertSenderPartition, gocql.UUID(row.sender), gocql.UUID(row.room), row.slot).WithContext(ctx).Idempotent(true).Exec()
			if err == nil {
				s.senders.Add(row, struct{}{})
			}
			return err
		})
	}
	return group.Wait()
}

// point is where a walk goes on: in a partition, downwards from a position.
type point struct {
	partition
	before events.Position
}

const pointLength = len(uuid.UUID{}) + 8 + 4 + 8

func (p point) encode() []byte {
	raw := append(make([]byte, 0, pointLength), p.room[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.slot))
	raw = binary.BigEndian.AppendUint32(raw, uint32(p.before.Epoch))
	return binary.BigEndian.AppendUint64(raw, uint64(p.before.Offset))
}

func decodePoint(raw []byte) (point, error) {
	if raw == nil {
		return point{partition: partition{slot: math.MinInt32}, before: events.EndOfLog}, nil
	}
	if len(raw) != pointLength {
		return point{}, store.ErrForeignPoint
	}
	return point{
		partition: partition{room: uuid.UUID(raw[:16]), slot: int(int64(binary.BigEndian.Uint64(raw[16:24])))},
		before:    events.Position{Epoch: int32(binary.BigEndian.Uint32(raw[24:28])), Offset: int64(binary.BigEndian.Uint64(raw[28:]))},
	}, nil
}

// Written implements [store.Senders]. It goes through the partitions in which the sender has written, and looks there at who has sent what. To have the
// nodes filter would let one of them read a busy partition to its end for one answer.
func (s *Store) Written(ctx context.Context, sender uuid.UUID, from []byte, limit int) (store.Written, error) {
	return s.walk(ctx, sender, from, limit, bySender(sender))
}

// Involving implements [store.Senders]. It goes through the same partitions, in which also those are listed whom others have quoted and mentioned there,
// and looks at the messages whole.
func (s *Store) Involving(ctx context.Context, user uuid.UUID, from []byte, limit int) (store.Written, error) {
	involving, err := s.walk(ctx, user, from, limit, involving(user))
	involving.Entries = slices.DeleteFunc(involving.Entries, func(entry store.Entry) bool { return !entry.Involves(user) })
	return involving, err
}

func (s *Store) walk(ctx context.Context, user uuid.UUID, from []byte, limit int, wanted look) (store.Written, error) {
	session := s.session.Load()
	if session == nil {
		return store.Written{}, unavailable("use the message store", errNotConnected)
	}
	at, err := decodePoint(from)
	if err != nil {
		return store.Written{}, fmt.Errorf("walk through what involves a user: %w", err)
	}
	part, err := s.part(ctx, session, user, at, limit, wanted)
	if err != nil {
		return store.Written{}, unavailable("walk through what involves a user", err)
	}
	return part, nil
}

// part gives a part of a walk.
func (s *Store) part(ctx context.Context, session *gocql.Session, user uuid.UUID, at point, limit int, wanted look) (store.Written, error) {
	partitions, err := s.readSenderPartitions(ctx, session, user, at.partition)
	if err != nil {
		return store.Written{}, err
	}
	var (
		all    []found
		looked = maxLooked
		next   []byte
	)
	for i, in := range partitions {
		if in != at.partition {
			at = point{partition: in, before: events.EndOfLog}
		}
		here, rest, err := s.lookAt(ctx, session, wanted, at, limit-len(all), &looked)
		if err != nil {
			return store.Written{}, err
		}
		if all = append(all, here...); rest != nil {
			next = rest.encode()
			break
		}
		if last := i == len(partitions)-1; last && len(partitions) == partitionsAtOnce || !last && (len(all) == limit || looked == 0) {
			next = point{partition: in}.encode() // nothing is left in it
			break
		}
	}
	entries, err := s.readFound(ctx, session, all)
	return store.Written{Entries: entries, Next: next}, err
}

func (s *Store) readSenderPartitions(ctx context.Context, session *gocql.Session, sender uuid.UUID, from partition) ([]partition, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var partitions []partition
	var room gocql.UUID
	rows := read(ctx, session, selectSenderPartitions, gocql.UUID(sender), gocql.UUID(from.room), from.slot, partitionsAtOnce)
	for slot := 0; rows.Scan(&room, &slot); {
		partitions = append(partitions, partition{room: uuid.UUID(room), slot: slot})
	}
	return partitions, rows.Close()
}

// found is a message that a walk looks for.
type found struct {
	location
	room, message uuid.UUID
}

// seen is a row that a walk looks at.
type seen struct {
	message uuid.UUID
	at      events.Position
	wanted  bool
}

// look says what a walk looks for.
type look struct {
	rows      int    // that are read at once
	statement string // which reads them
	scan      func(rows *gocql.Iter, room uuid.UUID) (row seen, ok bool)
}

// bySender looks for what a user has written.
func bySender(sender uuid.UUID) look {
	return look{rows: defaultPageSize, statement: selectSenders, scan: func(rows *gocql.Iter, _ uuid.UUID) (row seen, ok bool) {
		var message, by gocql.UUID
		ok = rows.Scan(&row.at.Epoch, &row.at.Offset, &message, &by)
		row.message, row.wanted = uuid.UUID(message), uuid.UUID(by) == sender
		return row, ok
	}}
}

// involving looks for what involves a user.
func involving(user uuid.UUID) look {
	return look{rows: wholeRows, statement: selectDownwards, scan: func(rows *gocql.Iter, room uuid.UUID) (seen, bool) {
		entry, ok := scanEntry(rows, room)
		return seen{message: entry.Message.ID, at: entry.Position, wanted: entry.Involves(user)}, ok
	}}
}

// lookAt finds what is wanted in one partition, at most so much, and takes what it has looked at from looked. rest is where it would go on; nil: nothing is
// left.
func (s *Store) lookAt(ctx context.Context, session *gocql.Session, wanted look, from point, limit int, looked *int) (all []found, rest *point, err error) {
	for *looked > 0 && len(all) < limit {
		at, n := from.before, min(*looked, wanted.rows)
		there, err := s.readRowsOf(ctx, session, wanted, &from, n, func(row seen) bool {
			*looked--
			if at = row.at; row.wanted {
				all = append(all, found{location: location{bucket: from.slot, position: at}, room: from.room, message: row.message})
			}
			return len(all) < limit
		})
		if err != nil {
			return nil, nil, err
		}
		if from.before = at; there < n && len(all) < limit {
			return all, nil, nil
		}
	}
	return all, &from, nil
}

// readRowsOf reads the newest messages before a point, until take has enough. It gives how many there were.
func (s *Store) readRowsOf(ctx context.Context, session *gocql.Session, wanted look, from *point, limit int, take func(seen) bool) (n int, err error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	rows := read(ctx, session, wanted.statement, gocql.UUID(from.room), from.slot, from.before.Epoch, from.before.Offset, limit)
	for {
		row, ok := wanted.scan(rows, from.room)
		if !ok {
			return n, rows.Close()
		}
		if n++; !take(row) {
			return n, rows.Close()
		}
	}
}

// readFound reads messages, some at once. What has been withdrawn or overwritten meanwhile is left out.
func (s *Store) readFound(ctx context.Context, session *gocql.Session, all []found) ([]store.Entry, error) {
	read := make([]*store.Entry, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for i, f := range all {
		group.Go(func() error {
			ctx, cancel := s.limit(ctx)
			defer cancel()
			entry, err := f.read(ctx, session, f.room, f.message)
			switch {
			case err == nil:
				read[i] = &entry
			case !errors.Is(err, store.ErrMessageNotFound) && !errors.Is(err, store.ErrPositionTaken):
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var entries []store.Entry
	for _, entry := range read {
		if entry != nil {
			entries = append(entries, *entry)
		}
	}
	return entries, nil
}
