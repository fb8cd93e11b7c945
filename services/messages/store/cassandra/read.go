package cassandra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// maxWave is how many parts of a timeline are read at once. The first wave is one part, which is nearly always enough; each
// further wave is twice the one before.
const maxWave = 8

const (
	entryColumns = `
SELECT epoch, log_offset, message_id, sender_id, type, body, created_at, revisions, client_id, mentions, revised_mentions FROM messages`
	selectEntries = entryColumns + `
WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset >= ? AND log_offset < ?`
	createdBefore = ` AND created_at < ?`
	oldestFirst   = ` ORDER BY epoch, log_offset`
	// Filtering is within one partition, and passes over little: what the clocks were apart.
	filtering = ` ALLOW FILTERING`
)

// cut says which entries of a part are wanted.
type cut struct {
	createdBefore time.Time // zero: whenever
	oldest        bool
	limit         int
}

// of gives the statement that reads them from one slot of a part, and its arguments.
func (c cut) of(room uuid.UUID, p part, slot int) (statement string, args []any) {
	statement, end := selectEntries, ` LIMIT ?`
	args = []any{gocql.UUID(room), slot, p.epoch, p.from, p.before}
	if !c.createdBefore.IsZero() {
		statement, end = statement+createdBefore, end+filtering
		args = append(args, c.createdBefore.UnixMicro())
	}
	if c.oldest {
		statement += oldestFirst
	}
	return statement + end, append(args, c.limit)
}

// Page implements [store.Store].
func (s *Store) Page(ctx context.Context, room uuid.UUID, within store.Range, limit int) ([]store.Entry, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	entries, err := readPage(ctx, session, room, within, limit)
	if err != nil {
		return nil, unavailable("read timeline", err)
	}
	if within.Oldest {
		slices.Reverse(entries)
	}
	return entries, nil
}

// readPage gives a page in the order in which its parts are walked.
func readPage(ctx context.Context, session *gocql.Session, room uuid.UUID, within store.Range, limit int) ([]store.Entry, error) {
	parts := walkParts(ctx, session, room, within)
	defer parts.close() //nolint:errcheck // closed below where its error counts
	wanted := cut{createdBefore: within.CreatedBefore, oldest: within.Oldest, limit: limit}
	var entries []store.Entry
	for width := 1; len(entries) < limit; width = min(2*width, maxWave) {
		wave := parts.next(width)
		if len(wave) == 0 {
			break
		}
		found := make([][]store.Entry, len(wave))
		group, ctx := errgroup.WithContext(ctx)
		for i, part := range wave {
			group.Go(func() (err error) {
				found[i], err = part.read(ctx, session, room, wanted)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		entries = append(entries, slices.Concat(found...)...)
	}
	if err := parts.close(); err != nil {
		return nil, fmt.Errorf("read where the timeline is: %w", err)
	}
	return entries[:min(len(entries), limit)], nil
}

// read gives messages of a part, merged by position from its slots.
func (p part) read(ctx context.Context, session *gocql.Session, room uuid.UUID, wanted cut) ([]store.Entry, error) {
	if len(p.slots) == 1 {
		return p.readSlot(ctx, session, room, p.slots[0], wanted)
	}
	found := make([][]store.Entry, len(p.slots))
	group, ctx := errgroup.WithContext(ctx)
	for i, slot := range p.slots {
		group.Go(func() (err error) {
			found[i], err = p.readSlot(ctx, session, room, slot, wanted)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	merged := slices.Concat(found...)
	slices.SortFunc(merged, func(a, b store.Entry) int {
		if wanted.oldest {
			a, b = b, a
		}
		return b.Position.Compare(a.Position)
	})
	merged = onePerMessage(merged)
	return merged[:min(len(merged), wanted.limit)], nil
}

// readSlot reads again, behind the last row, where rows were none: see [ttlOf].
func (p part) readSlot(ctx context.Context, session *gocql.Session, room uuid.UUID, slot int, wanted cut) ([]store.Entry, error) {
	var all []store.Entry
	for {
		rows, last, err := p.readRows(ctx, session, room, slot, wanted)
		if err != nil {
			return nil, err
		}
		read := len(rows)
		entries := slices.DeleteFunc(rows, isNone)
		if all == nil {
			all = entries
		} else {
			all = append(all, entries...)
		}
		if read == len(entries) || read < wanted.limit {
			return all, nil
		}
		p, wanted.limit = p.behind(last, wanted.oldest), wanted.limit-len(entries)
	}
}

// readRows gives the rows of a slot, and the offset of the last one.
func (p part) readRows(ctx context.Context, session *gocql.Session, room uuid.UUID, slot int, wanted cut) (entries []store.Entry, last int64, err error) {
	statement, args := wanted.of(room, p, slot)
	rows := read(ctx, session, statement, args...)
	entries = make([]store.Entry, 0, rows.NumRows())
	for {
		entry, ok := scanEntry(rows, room)
		if !ok {
			return entries, last, rows.Close()
		}
		entry.Pace, last = paceIn(slot), entry.Position.Offset
		entries = append(entries, entry)
	}
}

// behind is what is left of a part behind an offset, in the order of the walk.
func (p part) behind(offset int64, upwards bool) part {
	if upwards {
		p.from = offset + 1
	} else {
		p.before = offset
	}
	return p
}

// isNone reports whether an entry is of a row that is left of a message that has gone.
func isNone(entry store.Entry) bool { return entry.Message.ID == uuid.Nil }

// onePerMessage gives entries in their order with the newest content of each message alone: builds that know no slices write what is in one to the
// bucket, too.
func onePerMessage(entries []store.Entry) []store.Entry {
	kept := entries[:0]
	for _, entry := range entries {
		if last := len(kept) - 1; last >= 0 && kept[last].Position == entry.Position && kept[last].Message.ID == entry.Message.ID {
			if entry.Supersedes(kept[last]) {
				kept[last] = entry
			}
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}

func scanEntry(rows *gocql.Iter, room uuid.UUID) (store.Entry, bool) {
	var (
		entry             = store.Entry{Message: wire.Message{RoomID: room}}
		message, sender   gocql.UUID
		messageType, body string
		createdMicros     int64
		revised           revisions
		mentioned         []gocql.UUID
		revisedMentioned  revisedMentions
	)
	if !rows.Scan(&entry.Position.Epoch, &entry.Position.Offset, &message, &sender, &messageType, &body, &createdMicros, &revised,
		&entry.Message.ClientID, &mentioned, &revisedMentioned) {
		return store.Entry{}, false
	}
	entry.Message.ID, entry.Message.SenderID = uuid.UUID(message), uuid.UUID(sender)
	entry.Message.Type, entry.Message.Body = wire.MessageType(messageType), []byte(body)
	entry.Message.CreatedAt = wire.At(time.UnixMicro(createdMicros))
	entry.Message.Mentions = usersOf(mentioned)
	newest := revised.newest(entry)
	if users, own := revisedMentioned[keyOf(newest)]; own && newest.DeletedAt.IsZero() {
		newest.Message.Mentions = usersOf(users)
	}
	return newest, true
}

// read begins a query that may be repeated at another node. It is not repeated before the first try has failed: gocql 1.7
// answers such a speculative query with "no hosts available" where there is no further node to ask, though the first try is
// about to succeed.
func read(ctx context.Context, session *gocql.Session, statement string, args ...any) *gocql.Iter {
	return query(ctx, session, statement, args...).Iter()
}

func query(ctx context.Context, session *gocql.Session, statement string, args ...any) *gocql.Query {
	return session.Query(statement, args...).WithContext(ctx).Idempotent(true)
}

const (
	selectPositionAt = `
SELECT epoch, log_offset FROM message_times
WHERE room_id = ? AND bucket = ? AND created_at = ?
LIMIT 1`
	selectBuckets = `SELECT bucket FROM room_buckets WHERE room_id = ? AND bucket <= ?`
	selectTimes   = `
SELECT epoch, log_offset FROM message_times
WHERE room_id = ? AND bucket = ? AND created_at < ?
LIMIT ?`
)

// Locate implements [store.Store].
func (s *Store) Locate(ctx context.Context, room uuid.UUID, at time.Time) (store.Range, error) {
	session, ctx, cancel, err := s.connected(ctx)
	if err != nil {
		return store.Range{}, err
	}
	defer cancel()
	var exact events.Position
	err = session.Query(selectPositionAt, gocql.UUID(room), bucketOf(at.UnixMicro()), at.UnixMicro()).
		WithContext(ctx).Idempotent(true).Scan(&exact.Epoch, &exact.Offset)
	switch {
	case err == nil:
		return store.Range{Before: exact}, nil
	case !errors.Is(err, gocql.ErrNotFound):
		return store.Range{}, unavailable("find message by time", err)
	}
	before, err := positionBefore(ctx, session, room, at)
	if err != nil {
		return store.Range{}, unavailable("find messages before a time", err)
	}
	return store.Range{Before: before, CreatedBefore: at}, nil
}

// positionBefore is the position behind the highest among the newest messages created before a time.
func positionBefore(ctx context.Context, session *gocql.Session, room uuid.UUID, at time.Time) (events.Position, error) {
	buckets := read(ctx, session, selectBuckets, gocql.UUID(room), bucketOf(at.UnixMicro()))
	defer buckets.Close() //nolint:errcheck // closed below where its error counts
	var (
		before events.Position
		seen   int
	)
	for width := 1; seen < store.LocateWindow; width = min(2*width, maxWave) {
		var wave []int
		for bucket := 0; len(wave) < width && buckets.Scan(&bucket); {
			wave = append(wave, bucket)
		}
		if len(wave) == 0 {
			break
		}
		found := make([][]events.Position, len(wave))
		group, ctx := errgroup.WithContext(ctx)
		for i, bucket := range wave {
			group.Go(func() (err error) {
				found[i], err = positionsBefore(ctx, session, room, bucket, at)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return events.Position{}, err
		}
		newest := slices.Concat(found...)
		for _, position := range newest[:min(len(newest), store.LocateWindow-seen)] {
			if position.Next().Compare(before) > 0 {
				before = position.Next()
			}
		}
		seen += len(newest)
	}
	return before, buckets.Close()
}

func positionsBefore(ctx context.Context, session *gocql.Session, room uuid.UUID, bucket int, at time.Time) ([]events.Position, error) {
	rows := read(ctx, session, selectTimes, gocql.UUID(room), bucket, at.UnixMicro(), store.LocateWindow)
	var positions []events.Position
	for position := (events.Position{}); rows.Scan(&position.Epoch, &position.Offset); {
		positions = append(positions, position)
	}
	return positions, rows.Close()
}
