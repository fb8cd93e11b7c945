package messages

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

// headerCompleteBefore has the position before which a page lacks nothing, where it has messages from there on.
const headerCompleteBefore = "X-Complete-Before"

// page is a part of a timeline, the newest first.
type page struct {
	entries  []store.Entry
	complete events.Position // before it nothing is missing
}

// complete adds to entries of a range, which are at most so many, the messages that the log has there and the store has not yet.
func (s *Service) complete(ctx context.Context, room uuid.UUID, within store.Range, entries []store.Entry, limit int) (page, error) {
	epoch, known := s.log.Epoch()
	if !known || within.Before.Epoch < epoch {
		return page{entries, events.EndOfLog}, nil
	}
	from, before := int64(0), int64(math.MaxInt64)
	if within.Before.Epoch == epoch {
		before = within.Before.Offset
	}
	if len(entries) == limit && entries[limit-1].Position.Epoch == epoch {
		from = entries[limit-1].Position.Offset
	}
	records, end, sure := s.tail.Read(room, from, before)
	if !sure && before <= end {
		sure = true // all of it has been healed
	}
	whole := page{entries, events.Position{Epoch: epoch, Offset: end}}
	if sure && (len(entries) == 0 || entries[0].Position.Compare(whole.complete) < 0) {
		whole.complete = events.EndOfLog
	}
	missing, err := s.missing(ctx, records, epoch, within, entries)
	if err != nil || len(missing) == 0 {
		return whole, err
	}
	whole.entries = append(slices.Clone(entries), missing...)
	slices.SortFunc(whole.entries, func(a, b store.Entry) int { return b.Position.Compare(a.Position) })
	whole.entries = whole.entries[:min(len(whole.entries), limit)]
	return whole, nil
}

// missing are the messages of records that are not among entries, and that no store has elsewhere: the log may have a message twice.
func (s *Service) missing(ctx context.Context, records []bus.Record, epoch int32, within store.Range, entries []store.Entry) ([]store.Entry, error) {
	var missing []store.Entry
	for _, record := range records {
		at := events.Position{Epoch: epoch, Offset: record.Offset}
		_, there := slices.BinarySearchFunc(entries, at, func(e store.Entry, at events.Position) int { return at.Compare(e.Position) })
		if there {
			continue
		}
		decoded, err := bus.Decode[events.TimelineEvent]([]bus.Record{record})
		if err != nil || len(decoded) == 0 {
			continue // the consumer group sends it to the dead letters
		}
		message, _ := decoded[0].Data.InTimeline()
		if !within.CreatedBefore.IsZero() && !message.CreatedAt.Before(within.CreatedBefore) {
			continue
		}
		twice := slices.ContainsFunc(missing, func(e store.Entry) bool { return e.Message.ID == message.ID })
		if twice {
			continue
		}
		switch _, err := s.deps.Store.Find(ctx, message.RoomID, message.ID); {
		case errors.Is(err, store.ErrMessageNotFound):
			missing = append(missing, store.Entry{Position: at, Message: message})
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// sayComplete says in the answer's headers where it is not certain that nothing is missing, and when that will be known.
func (p page) sayComplete(c *fiber.Ctx) {
	if p.complete == events.EndOfLog {
		return
	}
	c.Set(headerCompleteBefore, p.complete.String())
	c.Set(fiber.HeaderRetryAfter, "1")
}
