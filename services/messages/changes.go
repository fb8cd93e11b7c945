package messages

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// changesTimeout is how long the store may take for what has happened since a position.
const changesTimeout = 3 * time.Second

// changesQuery is what GET /api/rooms/{room_id}/changes asks for.
type changesQuery struct {
	since events.Position
	limit int
}

func parseChangesQuery(args httpapi.Args) (query changesQuery, err error) {
	since, given := args("since")
	if !given {
		return changesQuery{}, httpapi.InvalidRequest("since is missing: the position up to which the caller has everything")
	}
	if query.since, err = events.ParsePosition(since); err != nil {
		return changesQuery{}, invalidPosition()
	}
	query.limit, err = args.Limit(maxLimit, maxLimit)
	return query, err
}

// changes handles GET /api/rooms/{room_id}/changes.
func (s *Service) changes(c *fiber.Ctx) error {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return err
	}
	query, err := parseChangesQuery(httpapi.ArgsOf(c))
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	readable, err := s.readable(ctx, room, authn.Caller(c).UserID)
	if err != nil {
		return problemOf(err)
	}
	behind, known := s.behind(room)
	switch {
	case !known:
		return problemOf(bus.ErrUnavailable)
	case query.since.Epoch > behind.epoch:
		return invalidPosition()
	}
	ctx, cancel := context.WithTimeout(ctx, changesTimeout)
	defer cancel()
	found, err := s.changesSince(ctx, room, query, behind, readable)
	if err != nil {
		return problemOf(err)
	}
	if !behind.sure && !found.More {
		c.Set(fiber.HeaderRetryAfter, "1")
	}
	return c.JSON(found)
}

// changesSince gives what the log has of a room behind a position, in its order, as far as it is certain that nothing is missing.
func (s *Service) changesSince(ctx context.Context, room uuid.UUID, query changesQuery, behind behind, readable part) (wire.Changes, error) {
	found := wire.Changes{Changes: []wire.MessageChange{}, Since: query.since.String()}
	within := store.Range{From: later(query.since.Next(), events.Position{}), Before: behind.complete, Oldest: true}
	if within.Before.Compare(within.From) <= 0 {
		return found, nil
	}
	created, err := s.createdIn(ctx, room, within, query.limit, behind, readable)
	if err != nil {
		return wire.Changes{}, err
	}
	revised, end, err := s.revisedIn(ctx, room, within, query.limit, behind, readable)
	if err != nil {
		return wire.Changes{}, err
	}
	if len(created) > query.limit { // those behind are not known
		end = earlier(end, created[query.limit].Position)
	}
	all := changesOf(created, revised, end, query)
	for _, one := range all {
		found.Changes = append(found.Changes, one.onWire())
	}
	switch {
	case len(all) == query.limit:
		found.Since, found.More = found.Changes[len(all)-1].Position, true
	case end.Offset > 0:
		end.Offset--
		found.Since, found.More = end.String(), end.Next().Compare(behind.complete) < 0
	case len(all) > 0:
		found.Since = found.Changes[len(all)-1].Position
	}
	return found, nil
}

func earlier(p, q events.Position) events.Position {
	if p.Compare(q) < 0 {
		return p
	}
	return q
}

// createdIn gives the messages of a range that the reader may read, the oldest first: one more than the limit where there are more.
func (s *Service) createdIn(ctx context.Context, room uuid.UUID, within store.Range, limit int, behind behind, readable part) ([]store.Entry, error) {
	within.From, within.Before = later(within.From, readable.from), earlier(within.Before, readable.before)
	entries, err := s.deps.Store.Page(ctx, room, within, limit+1)
	if err != nil {
		return nil, err
	}
	found, err := s.complete(ctx, behind, within, entries, limit+1)
	if err != nil {
		return nil, err
	}
	slices.Reverse(found.entries)
	return found.entries, nil
}

// revisedIn gives the messages that the reader may read whose newest content was made in a range, the first revised first, and the position before which
// these are all.
func (s *Service) revisedIn(ctx context.Context, room uuid.UUID, within store.Range, limit int, behind behind, readable part) ([]store.Entry, events.Position, error) {
	stored, end, err := s.deps.Store.Revised(ctx, room, within, limit)
	if err != nil {
		return nil, end, err
	}
	var revised []store.Entry
	for _, entry := range slices.Concat(stored, behind.revisions) {
		newest := behind.newest(entry)
		known := slices.ContainsFunc(revised, func(e store.Entry) bool { return e.Message.ID == newest.Message.ID })
		if !known && readable.has(newest.Position) && within.From.Compare(newest.Revision) <= 0 && newest.Revision.Compare(end) < 0 {
			revised = append(revised, newest)
		}
	}
	return revised, end, nil
}

// change is what a record of the log at a position has made of a message.
type change struct {
	at    events.Position
	entry store.Entry
}

// changesOf puts together what was created and what was revised before a position, where all is known. The reader goes on from there.
func changesOf(created, revised []store.Entry, end events.Position, query changesQuery) []change {
	all := make([]change, 0, len(created)+len(revised))
	for _, entry := range created {
		all = append(all, change{entry.Position, entry})
	}
	for _, entry := range revised {
		all = append(all, change{entry.Revision, entry})
	}
	all = slices.DeleteFunc(all, func(c change) bool { return c.at.Compare(end) >= 0 })
	slices.SortFunc(all, func(a, b change) int { return a.at.Compare(b.at) })
	return all[:min(len(all), query.limit)]
}

// onWire is the change as clients see it. The message is as it is now, which may be newer.
func (c change) onWire() wire.MessageChange {
	made := wire.MessageChange{Change: wire.ChangeNew, Position: c.at.String(), Message: shown(c.entry)}
	revised := c.at != c.entry.Position
	switch {
	case revised && !c.entry.DeletedAt.IsZero():
		made.Change = wire.ChangeDeleted
	case revised:
		made.Change = wire.ChangeEdited
	case c.entry.Message.Type == wire.RoomChange:
		made.Change = wire.ChangeJoined
		if left(c.entry.Message) {
			made.Change = wire.ChangeLeft
		}
	}
	return made
}

// left reports whether a message of a change of members says that somebody has left.
func left(message wire.Message) bool {
	var body wire.RoomChangeBody
	return json.Unmarshal(message.Body, &body) == nil && body.Type == "UserLeft"
}
