package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// settle is behind what time the changes of a moment are certainly told: the server ends an answer a fraction of a second before now.
const settle = 2 * time.Second

// CatchUp gives all that has happened in a room since a position, in the room's order, up to the call at least: what a stream that has been opened
// before the call does not give, it does. So after an event of type Resync it makes a room whole; rooms can be caught up side by side. It takes two
// seconds at least, as the server tells changes only when nothing before them may be missing.
//
// The position is that of the newest message up to which the caller has all, or what an earlier CatchUp has returned; "" gives the room from its beginning.
// apply gets each part, and what is applied may have come by the stream, too: know changes by their positions. An error of apply ends it. What
// cannot be had for the moment is asked for again until the context ends; the problem invalid-position says that the log is another one: load the room
// anew by [Client.Timeline]. The position that is returned, also with an error, is the one up to which all has been applied.
func (c *Client) CatchUp(ctx context.Context, room uuid.UUID, since string, apply func([]wire.MessageChange) error) (string, error) {
	began := time.Now()
	for {
		asked := time.Now()
		changes, later, err := c.KeepingToken().changes(ctx, room, since)
		if err != nil {
			return since, fmt.Errorf("catch up with room %s: %w", room, err)
		}
		if len(changes.Changes) > 0 {
			if err := apply(changes.Changes); err != nil {
				return since, fmt.Errorf("apply changes of room %s: %w", room, err)
			}
		}
		since = changes.Since
		switch {
		case changes.More:
			continue
		case later == 0 && asked.Sub(began) >= settle:
			return since, nil
		}
		if err := sleep(ctx, max(later, settle-time.Since(began))); err != nil {
			return since, fmt.Errorf("catch up with room %s: %w", room, err)
		}
	}
}

// changes is a part of what has happened, and in how long to ask again, 0 where nothing is missing.
func (c *Client) changes(ctx context.Context, room uuid.UUID, since string) (changes wire.Changes, later time.Duration, err error) {
	err = persist(ctx, func(ctx context.Context) error {
		changes = wire.Changes{}
		header, err := c.call(ctx, http.MethodGet, "/api/rooms/"+room.String()+"/changes?since="+url.QueryEscape(since), nil, &changes)
		if err != nil {
			return err
		}
		if changes.More && changes.Since == since || changes.Since == "" && since != "" {
			return &BadAnswer{Status: http.StatusOK, ContentType: header.Get("Content-Type"), Reason: "it is no part of a room's changes"}
		}
		later = retryAfter(header.Get("Retry-After"))
		return nil
	})
	return changes, later, err
}
