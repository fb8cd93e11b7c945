package cassandra

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// maxFrontiers is how many rooms' frontiers are remembered.
const maxFrontiers = 100_000

// frontiers remembers by room the position behind everything that this process knows to be stored. It is read once and then
// raised by what the process writes, never lowered.
type frontiers struct {
	mu     sync.Mutex
	behind *lru.Cache[uuid.UUID, events.Position]
}

func newFrontiers() (*frontiers, error) {
	behind, err := lru.New[uuid.UUID, events.Position](maxFrontiers)
	if err != nil {
		return nil, err
	}
	return &frontiers{behind: behind}, nil
}

func (f *frontiers) known(room uuid.UUID) bool { return f.behind.Contains(room) }

// raise remembers that everything stored of a room is before a position.
func (f *frontiers) raise(room uuid.UUID, position events.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if before, known := f.behind.Get(room); !known || position.Compare(before) > 0 {
		f.behind.Add(room, position)
	}
}

// pass raises a known frontier behind an entry that is about to be written. It reports whether the entry was before it, so that
// something may be there; so it may if the room's frontier has been forgotten.
func (f *frontiers) pass(entry store.Entry) (before bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	frontier, known := f.behind.Get(entry.Message.RoomID)
	if !known || entry.Position.Compare(frontier) < 0 {
		return true
	}
	f.behind.Add(entry.Message.RoomID, entry.Position.Next())
	return false
}

// appending is an entry that may be written, and the keys of the stored revisions that it replaces.
type appending struct {
	store.Entry
	superseded []revisionKey
}

// revises reports whether it is an edit or a deletion.
func (a appending) revises() bool { return a.Revision != (events.Position{}) }

// roomPosition is a position of a room.
type roomPosition struct {
	room     uuid.UUID
	position events.Position
}

func roomPositionOf(entry store.Entry) roomPosition {
	return roomPosition{room: entry.Message.RoomID, position: entry.Position}
}

// stored is what a position has.
type stored struct {
	message   uuid.UUID
	revisions revisions // read for revisions alone
}

// check compares entries with what is stored. It leaves out those that are refused, and revisions that are superseded already.
func (s *Store) check(ctx context.Context, session *gocql.Session, entries []store.Entry) (writable []appending, taken, err error) {
	if err := s.learnFrontiers(ctx, session, entries); err != nil {
		return nil, nil, err
	}
	var doubtful []store.Entry
	for _, entry := range entries {
		if s.frontiers.pass(entry) {
			doubtful = append(doubtful, entry)
		}
	}
	found, err := s.readPositions(ctx, session, doubtful)
	if err != nil {
		return nil, nil, err
	}
	writable = make([]appending, 0, len(entries))
	for _, entry := range entries {
		at, there := found[roomPositionOf(entry)]
		switch {
		case there && at.message != entry.Message.ID:
			taken = errors.Join(taken, store.PositionTaken(entry, at.message))
			continue
		case !there:
			found[roomPositionOf(entry)] = stored{message: entry.Message.ID} // to the rest of the entries
		case entry.Revision != (events.Position{}) && at.revisions.newest(entry).Supersedes(entry):
			continue
		}
		writable = append(writable, appending{Entry: entry, superseded: at.revisions.supersededBy(entry)})
	}
	return writable, taken, nil
}

// learnFrontiers reads the frontiers of the rooms that have none.
func (s *Store) learnFrontiers(ctx context.Context, session *gocql.Session, entries []store.Entry) error {
	var rooms map[uuid.UUID]struct{}
	for _, entry := range entries {
		if s.frontiers.known(entry.Message.RoomID) {
			continue
		}
		if rooms == nil {
			rooms = map[uuid.UUID]struct{}{}
		}
		rooms[entry.Message.RoomID] = struct{}{}
	}
	if len(rooms) == 0 {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for room := range rooms {
		group.Go(func() error {
			ctx, cancel := s.limit(ctx)
			defer cancel()
			newest, err := readPage(ctx, session, room, store.Range{Before: events.EndOfLog}, 1)
			var overwhelmed *gocql.RequestErrReadFailure
			switch {
			case errors.As(err, &overwhelmed): // by all that has expired of a room: then each position is looked at
				s.frontiers.raise(room, events.EndOfLog)
			case err != nil:
				return err
			case len(newest) > 0:
				s.frontiers.raise(room, newest[0].Position.Next())
			default:
				s.frontiers.raise(room, events.Position{})
			}
			return nil
		})
	}
	return group.Wait()
}

const (
	selectSpanSlots  = `SELECT bucket FROM room_places WHERE room_id = ? AND epoch = ? AND span = ?`
	selectMessageIDs = `
SELECT log_offset, message_id FROM messages
WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset IN ?`
	selectRevisions = `
SELECT message_id, revisions FROM messages
WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset = ?`
)

// readPositions reads what is stored at the positions of entries, whatever the slot that it is in.
func (s *Store) readPositions(ctx context.Context, session *gocql.Session, entries []store.Entry) (map[roomPosition]stored, error) {
	found := map[roomPosition]stored{}
	if len(entries) == 0 {
		return found, nil
	}
	bySpan := map[listing][]store.Entry{}
	for _, entry := range entries {
		key := listing{room: entry.Message.RoomID, epoch: entry.Position.Epoch, span: entry.Position.Offset >> spanBits}
		bySpan[key] = append(bySpan[key], entry)
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for at, entries := range bySpan {
		group.Go(func() error {
			slots, err := s.readSlots(ctx, session, at)
			if err != nil {
				return err
			}
			for _, slot := range slots {
				at.slot = slot
				there := slices.DeleteFunc(slices.Clone(entries), func(entry store.Entry) bool { return !mayHave(slot, entry.Position.Offset) })
				err := s.readStored(ctx, session, at, there, func(at roomPosition, what stored) {
					mu.Lock()
					defer mu.Unlock()
					if known := found[at]; known.revisions == nil {
						found[at] = what
					}
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return found, group.Wait()
}

func (s *Store) readSlots(ctx context.Context, session *gocql.Session, of listing) ([]int, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var slots []int
	rows := read(ctx, session, selectSpanSlots, gocql.UUID(of.room), of.epoch, of.span)
	for slot := 0; rows.Scan(&slot); {
		slots = append(slots, slot)
	}
	return slots, rows.Close()
}

// readStored reads what one slot has at the positions of entries of one span: of originals many ids at once, of revisions,
// which are rare, each message's revisions.
func (s *Store) readStored(ctx context.Context, session *gocql.Session, in listing, entries []store.Entry, found func(roomPosition, stored)) error {
	var originals []int64
	for _, entry := range entries {
		if entry.Revision == (events.Position{}) {
			originals = append(originals, entry.Position.Offset)
			continue
		}
		if err := s.readRevisions(ctx, session, in, entry.Position.Offset, found); err != nil {
			return err
		}
	}
	for offsets := range slices.Chunk(originals, maxBatchMessages) {
		if err := s.readIDs(ctx, session, in, offsets, found); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) readRevisions(ctx context.Context, session *gocql.Session, in listing, offset int64, found func(roomPosition, stored)) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var (
		id   gocql.UUID
		made revisions
	)
	rows := read(ctx, session, selectRevisions, gocql.UUID(in.room), in.slot, in.epoch, offset)
	if rows.Scan(&id, &made) && id != (gocql.UUID{}) { // else it is none, see ttlOf
		found(in.at(offset), stored{message: uuid.UUID(id), revisions: made})
	}
	return rows.Close()
}

func (s *Store) readIDs(ctx context.Context, session *gocql.Session, in listing, offsets []int64, found func(roomPosition, stored)) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	rows := read(ctx, session, selectMessageIDs, gocql.UUID(in.room), in.slot, in.epoch, offsets)
	var id gocql.UUID
	for offset := int64(0); rows.Scan(&offset, &id); {
		if id != (gocql.UUID{}) {
			found(in.at(offset), stored{message: uuid.UUID(id)})
		}
	}
	return rows.Close()
}
