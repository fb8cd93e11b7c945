package cassandra

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// nearBuckets is how far the time in an id may be from the createdAt of its message, for the message to be found at once.
	nearBuckets = time.Hour
	// nearTimes is the same for a message that was stored before there was a look-up by id.
	nearTimes = time.Second
	// maxTimes is how many messages of that time are looked at.
	maxTimes = 1024
)

const (
	selectPositionOf = `
SELECT epoch, log_offset, pace FROM message_ids
WHERE room_id = ? AND bucket = ? AND message_id = ?
LIMIT 1`
	selectAround = `
SELECT epoch, log_offset FROM message_times
WHERE room_id = ? AND bucket = ? AND created_at >= ? AND created_at <= ?
LIMIT ?`
)

// Find implements [store.Store]. It looks first where the time in an id points, since most ids are UUIDs of version 7; then in all
// buckets that the room has; then, for what was stored before there was a look-up by id, among the messages of the id's time.
func (s *Store) Find(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return store.Entry{}, err
	}
	defer cancel()
	near := bucketsNear(message)
	for _, look := range []func() ([]location, error){
		func() ([]location, error) { return lookUp(ctx, session, room, message, near) },
		func() ([]location, error) { return lookUpEverywhere(ctx, session, room, message) },
		func() ([]location, error) { return lookAround(ctx, session, room, message, near) },
	} {
		found, err := look()
		if err != nil {
			return store.Entry{}, unavailable("look up message by id", err)
		}
		if len(found) == 0 {
			continue
		}
		first := slices.MinFunc(found, func(a, b location) int { return a.position.Compare(b.position) })
		return first.read(ctx, session, room, message)
	}
	return store.Entry{}, store.ErrMessageNotFound
}

// location is where a message is in its room.
type location struct {
	bucket   int
	pace     events.Pace
	position events.Position
}

// slots are where the message is, and what builds that know no slices have written of it.
func (l location) slots() []int {
	if slice := slotIn(l.bucket, l.pace, l.position.Offset); slice != l.bucket {
		return []int{slice, l.bucket}
	}
	return []int{l.bucket}
}

func (l location) read(ctx context.Context, session *gocql.Session, room, message uuid.UUID) (store.Entry, error) {
	at := part{epoch: l.position.Epoch, from: l.position.Offset, before: l.position.Next().Offset, slots: l.slots()}
	entries, err := at.read(ctx, session, room, cut{limit: 1})
	if err == nil && len(entries) == 0 { // the pace is lost where its column was dropped and made again
		if at.slots, err = slotsAt(ctx, session, room, l.position); err == nil {
			entries, err = at.read(ctx, session, room, cut{limit: 1})
		}
	}
	switch {
	case err != nil:
		return store.Entry{}, unavailable("read message", err)
	case len(entries) == 0:
		return store.Entry{}, store.ErrMessageNotFound
	case entries[0].Message.ID != message:
		return store.Entry{}, store.PositionTaken(store.Entry{Position: l.position, Message: wire.Message{RoomID: room, ID: message}}, entries[0].Message.ID)
	}
	return entries[0], nil
}

// slotsAt gives the slots that are listed for a position.
func slotsAt(ctx context.Context, session *gocql.Session, room uuid.UUID, at events.Position) ([]int, error) {
	var slots []int
	rows := read(ctx, session, selectSpanSlots, gocql.UUID(room), at.Epoch, at.Offset>>spanBits)
	for slot := 0; rows.Scan(&slot); {
		if mayHave(slot, at.Offset) {
			slots = append(slots, slot)
		}
	}
	return slots, rows.Close()
}

// bucketsNear gives the buckets that a message with a UUID of version 7 has been created in; none for other ids.
func bucketsNear(message uuid.UUID) []int {
	if message.Version() != 7 {
		return nil
	}
	first := bucketOf(timeIn(message).Add(-nearBuckets).UnixMicro())
	last := bucketOf(timeIn(message).Add(nearBuckets).UnixMicro())
	if first == last {
		return []int{first}
	}
	return []int{first, last}
}

// timeIn is the time in a UUID of version 7: milliseconds in its first 48 bits (RFC 9562, section 5.7).
func timeIn(id uuid.UUID) time.Time {
	var millis int64
	for _, octet := range id[:6] {
		millis = millis<<8 | int64(octet)
	}
	return time.UnixMilli(millis)
}

// lookUp looks for a message in some buckets at once.
func lookUp(ctx context.Context, session *gocql.Session, room, message uuid.UUID, buckets []int) ([]location, error) {
	found := make([][]location, len(buckets))
	group, ctx := errgroup.WithContext(ctx)
	for i, bucket := range buckets {
		group.Go(func() error {
			rows := read(ctx, session, selectPositionOf, gocql.UUID(room), bucket, gocql.UUID(message))
			for at := (location{bucket: bucket}); rows.Scan(&at.position.Epoch, &at.position.Offset, &at.pace); {
				found[i] = append(found[i], at)
			}
			return rows.Close()
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err
}

// lookUpEverywhere looks for a message in all buckets of a room, some at once.
func lookUpEverywhere(ctx context.Context, session *gocql.Session, room, message uuid.UUID) ([]location, error) {
	var buckets []int
	rows := read(ctx, session, selectBuckets, gocql.UUID(room), math.MaxInt32)
	for bucket := 0; rows.Scan(&bucket); {
		buckets = append(buckets, bucket)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	var found []location
	for wave := range slices.Chunk(buckets, maxWave) {
		some, err := lookUp(ctx, session, room, message, wave)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// lookAround looks for a message among those of its id's time.
func lookAround(ctx context.Context, session *gocql.Session, room, message uuid.UUID, buckets []int) ([]location, error) {
	for _, bucket := range buckets {
		from, to := timeIn(message).Add(-nearTimes).UnixMicro(), timeIn(message).Add(nearTimes).UnixMicro()
		rows := read(ctx, session, selectAround, gocql.UUID(room), bucket, from, to, maxTimes)
		offsets := map[int32][]int64{}
		for at := (events.Position{}); rows.Scan(&at.Epoch, &at.Offset); {
			offsets[at.Epoch] = append(offsets[at.Epoch], at.Offset)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		for epoch, offsets := range offsets {
			found, err := lookAt(ctx, session, listing{room: room, epoch: epoch, slot: bucket}, offsets, message)
			if err != nil || len(found) > 0 {
				return found, err
			}
		}
	}
	return nil, nil
}

// lookAt looks for a message at some offsets.
func lookAt(ctx context.Context, session *gocql.Session, in listing, offsets []int64, message uuid.UUID) ([]location, error) {
	var found []location
	for chunk := range slices.Chunk(offsets, maxBatchMessages) {
		rows := read(ctx, session, selectMessageIDs, gocql.UUID(in.room), in.slot, in.epoch, chunk)
		var id gocql.UUID
		for offset := int64(0); rows.Scan(&offset, &id); {
			if uuid.UUID(id) == message {
				found = append(found, location{bucket: in.slot, position: events.Position{Epoch: in.epoch, Offset: offset}})
			}
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
	}
	return found, nil
}
