package messages

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/store"
)

// headerCompleteBefore has the position before which a page lacks nothing, where it has messages from there on.
const headerCompleteBefore = "X-Complete-Before"

// page is a part of a timeline, the newest first.
type page struct {
	entries  []store.Entry
	complete events.Position // before it nothing is missing
}

// narrowed is the part of a range that is decided by its entries, where those are as many as were asked for.
func narrowed(within store.Range, entries []store.Entry, limit int) store.Range {
	switch {
	case len(entries) < limit:
	case within.Oldest:
		within.Before = entries[0].Position.Next()
	default:
		within.From = entries[limit-1].Position
	}
	return within
}

// complete adds to entries of a range, which are at most so many, the messages that the log has there and the store has not yet, and what became of them.
// What is behind must be known from before the entries were read: what the consumer group writes meanwhile is then in one of the two.
func (s *Service) complete(ctx context.Context, behind behind, within store.Range, entries []store.Entry, limit int) (page, error) {
	within = narrowed(within, entries, limit)
	whole := page{entries, behind.complete}
	end := within.Before.Compare(behind.complete) <= 0 // then all of it has been healed
	if (behind.sure || end) && (len(entries) == 0 || entries[0].Position.Compare(whole.complete) < 0) {
		whole.complete = events.EndOfLog
	}
	if len(behind.messages)+len(behind.revisions) == 0 {
		return whole, nil
	}
	missing, err := s.missing(ctx, behind, within, entries)
	if err != nil {
		return page{}, err
	}
	whole.entries = slices.Clone(entries)
	if len(missing) > 0 {
		whole.entries = append(whole.entries, missing...)
		slices.SortFunc(whole.entries, func(a, b store.Entry) int { return b.Position.Compare(a.Position) })
		if over := max(len(whole.entries)-limit, 0); within.Oldest {
			whole.entries = whole.entries[over:]
		} else {
			whole.entries = whole.entries[:len(whole.entries)-over]
		}
	}
	for i, entry := range whole.entries {
		whole.entries[i] = behind.newest(entry)
	}
	return whole, nil
}

// missing are the messages of a range that are not among entries, and that no store has elsewhere: the log may have a message twice.
func (s *Service) missing(ctx context.Context, behind behind, within store.Range, entries []store.Entry) ([]store.Entry, error) {
	var missing []store.Entry
	for _, record := range behind.messages {
		at := behind.position(record)
		_, there := slices.BinarySearchFunc(entries, at, func(e store.Entry, at events.Position) int { return at.Compare(e.Position) })
		if there || at.Compare(within.From) < 0 || at.Compare(within.Before) >= 0 {
			continue
		}
		entry, ok, err := s.keptOf(ctx, behind, record)
		if err != nil {
			return nil, err
		}
		if !ok || !within.CreatedBefore.IsZero() && !entry.Message.CreatedAt.Before(within.CreatedBefore) {
			continue
		}
		twice := slices.ContainsFunc(missing, func(e store.Entry) bool { return e.Message.ID == entry.Message.ID })
		if twice {
			continue
		}
		switch found, err := s.deps.Store.Find(ctx, entry.Message.RoomID, entry.Message.ID); {
		case errors.Is(err, store.ErrMessageNotFound):
			missing = append(missing, entry)
		case err != nil:
			return nil, err
		case found.Position == at: // it has been written since the entries were read
			missing = append(missing, found)
		}
	}
	return missing, nil
}

// certain leaves out what stands where something may be missing: who goes on from there would never see that.
func (p page) certain() page {
	p.entries = slices.DeleteFunc(slices.Clone(p.entries), func(e store.Entry) bool { return e.Position.Compare(p.complete) >= 0 })
	return p
}

// find gives a message as it is, from the store or, where that has not come to it, from the log. Errors: those of [store.Store.Find].
func (s *Service) find(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	behind, _ := s.behind(room) // before the store is asked: what is written meanwhile is then in one of the two
	entry, err := s.deps.Store.Find(ctx, room, message)
	if err != nil && !errors.Is(err, store.ErrMessageNotFound) {
		return entry, err
	}
	if err == nil {
		return behind.newest(entry), nil
	}
	if found, ok := behind.find(message); ok {
		return found, nil
	}
	return entry, err
}

// behind is what this process knows of a room's log that the store may lack. As its zero value it knows nothing.
type behind struct {
	epoch     int32
	messages  []bus.Record // read where they are wanted: the store mostly has them
	revisions []store.Entry
	complete  events.Position // before it the store and these lack nothing
	sure      bool            // that is where the log has been read to
}

// behind is known once the log's epoch is.
func (s *Service) behind(room uuid.UUID) (b behind, known bool) {
	if b.epoch, known = s.log.Epoch(); !known {
		return behind{}, false
	}
	records, end, sure := s.tail.Read(s.log.PartitionOf(room.String()), room)
	b.complete, b.sure = events.Position{Epoch: b.epoch, Offset: end}, sure
	for _, record := range records {
		if !events.IsRevision(record.Headers) {
			b.messages = append(b.messages, record)
		} else if revision, ok := b.entry(record); ok {
			b.revisions = append(b.revisions, revision)
		}
	}
	return b, true
}

// unstored gives, of what the store may lack of a room, the first position that is still kept; where there is none, the one before which nothing is
// missing, if that is known. See [retention.Unstored].
func (s *Service) unstored(ctx context.Context, room uuid.UUID) (first events.Position, sure bool, err error) {
	behind, _ := s.behind(room)
	first = events.EndOfLog
	if behind.sure {
		first = behind.complete
	}
	for _, record := range behind.messages {
		entry, ok, err := s.keptOf(ctx, behind, record)
		if err != nil {
			return first, false, err
		}
		if ok {
			first = earlier(first, entry.Position)
		}
	}
	return first, behind.sure, nil
}

// keptOf gives what a record makes of the timeline, unless the room keeps it no longer.
func (s *Service) keptOf(ctx context.Context, behind behind, record bus.Record) (entry store.Entry, ok bool, err error) {
	if entry, ok = behind.entry(record); !ok {
		return entry, false, nil
	}
	over, err := s.kept.Over(ctx, entry.Message)
	return entry, err == nil && !over, err
}

func (b behind) position(record bus.Record) events.Position {
	return events.Position{Epoch: b.epoch, Offset: record.Offset}
}

// entry gives what a record makes of the timeline. What cannot be read the consumer group sends to the dead letters.
func (b behind) entry(record bus.Record) (store.Entry, bool) {
	decoded, err := bus.Decode[events.RoomEvent]([]bus.Record{record})
	if err != nil || len(decoded) == 0 {
		return store.Entry{}, false
	}
	return timeline.EntryOf(decoded[0].Data, b.position(record))
}

// find gives the first message that has one of the ids, as it is.
func (b behind) find(ids ...uuid.UUID) (store.Entry, bool) {
	named := textsOf(ids)
	for _, record := range b.messages {
		if !named.in(record) { // nearly all, and to decode them costs a hundred times as much
			continue
		}
		if found, ok := b.entry(record); ok && slices.Contains(ids, found.Message.ID) {
			return b.newest(found), true
		}
	}
	return store.Entry{}, false
}

// texts are ids as they stand in records.
type texts [][]byte

func textsOf(ids []uuid.UUID) texts {
	named := make(texts, len(ids))
	for i, id := range ids {
		named[i] = []byte(id.String())
	}
	return named
}

// in reports whether a record has one of the texts in it.
func (t texts) in(record bus.Record) bool {
	return slices.ContainsFunc(t, func(text []byte) bool { return bytes.Contains(record.Value, text) })
}

// newest gives a message with what the revisions make of it.
func (b behind) newest(entry store.Entry) store.Entry {
	for _, revised := range b.revisions {
		if store.KeyOf(revised) != store.KeyOf(entry) {
			continue
		}
		revised.Position, revised.Message.CreatedAt, revised.Pace = entry.Position, entry.Message.CreatedAt, entry.Pace // a named message may be in the log twice
		if revised.Supersedes(entry) {
			entry = revised
		}
	}
	return entry
}

// sayComplete says in the answer's headers where it is not certain that nothing is missing, and when that will be known.
func (p page) sayComplete(c *fiber.Ctx) {
	if p.complete == events.EndOfLog {
		return
	}
	c.Set(headerCompleteBefore, p.complete.String())
	c.Set(fiber.HeaderRetryAfter, "1")
}
