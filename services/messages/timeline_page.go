package messages

import (
	"context"
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/cursor"
	"github.com/ism-chat/ism/services/messages/store"
)

// timelinePage handles GET /api/rooms/{room_id}/timeline.
func (s *Service) timelinePage(c *fiber.Ctx) error {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return err
	}
	query, err := parsePageQuery(httpapi.ArgsOf(c))
	if err != nil {
		return err
	}
	ctx, reader := c.UserContext(), cursor.Reader{Room: room, User: authn.Caller(c).UserID}
	readable, err := s.readable(ctx, room, reader.User)
	if err != nil {
		return problemOf(err)
	}
	read, err := s.readPage(ctx, reader, query, readable)
	if err != nil {
		return problemOf(err)
	}
	if err := s.offer(c, reader, query, read); err != nil {
		return problemOf(err)
	}
	messages := make([]wire.Message, len(read.entries))
	for i, entry := range read.entries {
		messages[i] = shown(entry)
	}
	if read.complete != events.EndOfLog {
		read.sayComplete(c)
		return c.JSON(messages)
	}
	return httpapi.AnswerTagged(c, messages)
}

// shown is a message as clients see it, with its position.
func shown(entry store.Entry) wire.Message {
	message := entry.Whole()
	message.Position = entry.Position.String()
	return message
}

// window is a page, and on which sides of it there is more.
type window struct {
	page
	older, newer bool
}

// readPage reads the page that is asked for of what the reader may read.
func (s *Service) readPage(ctx context.Context, reader cursor.Reader, query pageQuery, readable part) (window, error) {
	if query.around != uuid.Nil {
		return s.readAround(ctx, reader.Room, query, readable)
	}
	within, err := s.within(ctx, reader, query, readable)
	if err != nil {
		return window{}, err
	}
	return s.read(ctx, reader.Room, within, query.limit)
}

// within gives the range that a page is cut from.
func (s *Service) within(ctx context.Context, reader cursor.Reader, query pageQuery, readable part) (store.Range, error) {
	within := store.Range{From: readable.from, Before: readable.before, Oldest: query.newer}
	older, behind := events.EndOfLog, events.Position{} // what lies on the one side of where the page begins, and from where on what lies on the other
	switch {
	case query.cursor != "":
		at, err := s.cursors.Verify(ctx, reader, query.cursor)
		if err != nil {
			return store.Range{}, err
		}
		older, behind = at, at.Next()
	case query.byTime:
		located, err := s.deps.Store.Locate(ctx, reader.Room, query.at)
		if err != nil {
			return store.Range{}, err
		}
		older, behind = located.Before, located.Before
		if located.CreatedBefore.IsZero() { // a message was created then
			behind = located.Before.Next()
		}
		if !query.newer {
			within.CreatedBefore = located.CreatedBefore
		}
	}
	if query.newer {
		within.From = later(within.From, behind)
	} else if older.Compare(within.Before) < 0 {
		within.Before = older
	}
	return within, nil
}

func later(p, q events.Position) events.Position {
	if p.Compare(q) < 0 {
		return q
	}
	return p
}

// read gives at most limit messages of a range. Towards newer messages it ends where something may be missing.
func (s *Service) read(ctx context.Context, room uuid.UUID, within store.Range, limit int) (window, error) {
	behind, _ := s.behind(room)
	entries, err := s.deps.Store.Page(ctx, room, within, limit+1)
	if err != nil {
		return window{}, err
	}
	found, err := s.complete(ctx, behind, within, entries, limit+1)
	if err != nil {
		return window{}, err
	}
	if !within.Oldest {
		read := window{page: found, older: len(found.entries) > limit}
		read.entries = read.entries[:min(len(read.entries), limit)]
		return read, nil
	}
	read := window{page: found.certain()}
	read.newer = len(read.entries) < len(found.entries) || len(read.entries) > limit
	read.entries = read.entries[max(len(read.entries)-limit, 0):]
	return read, nil
}

// readAround reads a message, and on both sides of it what goes into the page.
func (s *Service) readAround(ctx context.Context, room uuid.UUID, query pageQuery, readable part) (window, error) {
	middle, err := s.found(ctx, room, query.around)
	if err == nil && !readable.has(middle.Position) {
		err = store.ErrMessageNotFound
	}
	if err != nil {
		return window{}, err
	}
	var older, newer window
	sides, ctx := errgroup.WithContext(ctx)
	sides.Go(func() (err error) {
		older, err = s.read(ctx, room, store.Range{From: readable.from, Before: middle.Position}, query.limit/2)
		return err
	})
	sides.Go(func() (err error) {
		behind := store.Range{From: middle.Position.Next(), Before: readable.before, Oldest: true}
		newer, err = s.read(ctx, room, behind, query.limit-1-query.limit/2)
		return err
	})
	if err := sides.Wait(); err != nil {
		return window{}, err
	}
	whole := window{older: older.older, newer: newer.newer}
	whole.entries = slices.Concat(newer.entries, []store.Entry{middle}, older.entries)
	whole.complete = older.complete
	if newer.complete.Compare(older.complete) < 0 {
		whole.complete = newer.complete
	}
	return whole, nil
}

// side is one side of a page.
type side struct {
	newer bool
	edge  events.Position // of the page's last message there
	more  bool
}

// offer says where the pages on both sides are. What was passed by on the way to a page is there for who goes back.
func (s *Service) offer(c *fiber.Ctx, reader cursor.Reader, query pageQuery, read window) error {
	if len(read.entries) == 0 {
		return nil
	}
	passed := !query.begins() && query.around == uuid.Nil
	next := side{edge: read.entries[len(read.entries)-1].Position, more: read.older || passed && query.newer}
	previous := side{newer: true, edge: read.entries[0].Position, more: read.newer || passed && !query.newer}
	if query.newer {
		next, previous = previous, next
	}
	if err := s.offerSide(c, reader, query, next, httpapi.OfferNext); err != nil {
		return err
	}
	return s.offerSide(c, reader, query, previous, httpapi.OfferPrevious)
}

func (s *Service) offerSide(c *fiber.Ctx, reader cursor.Reader, query pageQuery, to side, offer func(*fiber.Ctx, string, url.Values)) error {
	if !to.more {
		return nil
	}
	signed, err := s.cursors.Sign(c.UserContext(), reader, to.edge)
	if err != nil {
		return err
	}
	offer(c, signed, query.onwards(to.newer))
	return nil
}
