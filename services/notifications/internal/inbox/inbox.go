// Package inbox takes what happened to users from the logs into their inboxes, and deletes what is not kept any more.
//
// # State
//
// All of it is in the store. An inbox has an event once, by its id, so taking the logs again changes nothing.
//
// # What is taken
//
// What a user would want to find who was away, in the form in which streams show it: notifications of backends, requests of friends and their acceptance,
// and the rooms that the user has come into or has gone from. Messages are none of it: rooms' lists and timelines have them.
//
// # Invariants
//
//   - A record is committed once the inboxes of all whom it concerns have it: nothing is lost between the log and the inbox.
//   - What happened longer ago than the retention is passed over.
//   - Of a deleted user nothing is left, and nothing more comes: see [store.Settle].
package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// chunk is how many entries go into one transaction.
	chunk = 500
	// ahead is how far the clock of whoever wrote an event may be ahead: what is said to happen later happens then.
	ahead = 24 * time.Hour

	clearing = time.Hour // between two times at which what is old is deleted
	cleared  = 1000      // entries that are deleted at once
)

// Store is where inboxes are, and what else goes with a deleted user.
type Store interface {
	store.Inbox
	// ErasePush deletes a deleted user's devices and push settings.
	ErasePush(ctx context.Context, user uuid.UUID) (erased int, err error)
}

// Teller tells what the service has erased of a user.
type Teller interface {
	TellErased(ctx context.Context, erased events.UserErased) error
}

// Inbox takes records into inboxes. It is safe for concurrent use.
type Inbox struct {
	store     Store
	teller    Teller
	retention time.Duration
	now       func() time.Time
	tracing   bus.Tracing
	log       *slog.Logger
}

// New makes an Inbox that keeps what happened within the retention.
func New(s Store, teller Teller, retention time.Duration, now func() time.Time, tracing bus.Tracing, log *slog.Logger) *Inbox {
	return &Inbox{store: s, teller: teller, retention: retention, now: now, tracing: tracing, log: log}
}

// Kept is what is shown of an inbox now.
func (i *Inbox) Kept() store.Kept {
	now := i.now()
	return store.Kept{Since: now.Add(-i.retention), Now: now}
}

// taken are the beginnings of the types of events that inboxes take something from. All others are not decoded: most are messages.
var taken = []string{
	typeOf(events.RoomCreated{}), typeOf(events.MembersJoined{}), typeOf(events.MembershipChanged{}), typeOf(events.RoomEnded{}),
	typeOf(events.FriendRequested{}), typeOf(events.FriendAccepted{}), typeOf(events.NotificationSent{}), typeOf(events.UserDeleted{}),
}

func typeOf(data events.Data) string { return "ism." + data.EventName() + ".v" }

func concernsInboxes(record bus.Record) bool {
	for _, beginning := range taken {
		if strings.HasPrefix(record.Headers[events.HeaderType], beginning) {
			return true
		}
	}
	return false
}

// Take takes records of one partition. It is a [bus.Handler]. A record that is no event, or that the store never takes, is [bus.ErrRejected].
func (i *Inbox) Take(ctx context.Context, records []bus.Record) error {
	var concerning []bus.Record
	for _, record := range records {
		if concernsInboxes(record) {
			concerning = append(concerning, record)
		}
	}
	if len(concerning) == 0 {
		return nil
	}
	ctx, spans := i.tracing.Batch(ctx, concerning)
	err := i.take(ctx, concerning)
	bus.EndSpans(spans, err)
	return err
}

func (i *Inbox) take(ctx context.Context, records []bus.Record) error {
	decoded, err := bus.Decode[events.Data](records)
	if err != nil {
		return err
	}
	var entries []store.Entry
	for _, event := range decoded {
		if deleted, ok := event.Data.(events.UserDeleted); ok {
			// In the log's order: what was before the deletion must not come behind it.
			if err := i.put(ctx, entries); err != nil {
				return err
			}
			entries = entries[:0]
			if err := i.erase(ctx, deleted, event.Event.Time); err != nil {
				return err
			}
			continue
		}
		of, err := i.entriesOf(event.Event)
		if err != nil {
			return fmt.Errorf("%w: %w", bus.ErrRejected, err)
		}
		entries = append(entries, of...)
	}
	return i.put(ctx, entries)
}

func (i *Inbox) put(ctx context.Context, entries []store.Entry) error {
	for len(entries) > 0 {
		n := min(len(entries), chunk)
		switch _, err := i.store.Put(ctx, entries[:n]); {
		case errors.Is(err, store.ErrUnstorable):
			return fmt.Errorf("%w: put entries into inboxes: %w", bus.ErrRejected, err)
		case err != nil:
			return fmt.Errorf("put entries into inboxes: %w", err)
		}
		entries = entries[n:]
	}
	return nil
}

// entriesOf gives what inboxes take from an event.
func (i *Inbox) entriesOf(event events.Event) (entries []store.Entry, err error) {
	kept := i.Kept()
	at := event.Time
	if latest := kept.Now.Add(ahead); at.After(latest) {
		at = latest
	}
	expires := time.Time{}
	if sent, ok := event.Data.(events.NotificationSent); ok && sent.ExpiresAt != nil {
		expires = sent.ExpiresAt.Time
	}
	if !at.After(kept.Since) || !expires.IsZero() && !expires.After(kept.Now) {
		return nil, nil
	}
	shown, err := shownBy(event)
	if err != nil {
		return nil, err
	}
	for _, of := range shown {
		for _, user := range of.To {
			entries = append(entries, store.Entry{UserID: user, ID: event.ID, At: at, Expires: expires, Event: of.Data})
		}
	}
	return entries, nil
}

// inRooms is how a change of a room begins that its other members see on their streams: nothing for inboxes.
var inRooms = []byte(`{"type":"RoomChangeEvent"`)

// shownBy gives what users see of an event who are told by name. That the room of thousands has ended is told to none of them by name, and stands in no
// inbox.
func shownBy(event events.Event) (shown []events.StreamEvent, err error) {
	var users []uuid.UUID
	switch data := event.Data.(type) {
	case events.UserEvent:
		users = []uuid.UUID{data.ForUser()}
	case events.RoomEvent:
		users = data.SeenBy().Users
	}
	all, err := events.StreamEvents(event, users)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if len(one.To) > 0 && !bytes.HasPrefix(one.Data, inRooms) {
			shown = append(shown, one)
		}
	}
	return shown, nil
}

// erase deletes the inbox of a deleted user, its devices and push settings, and tells how many there were.
func (i *Inbox) erase(ctx context.Context, deleted events.UserDeleted, at time.Time) error {
	push, err := i.store.ErasePush(ctx, deleted.UserID)
	if err != nil {
		return fmt.Errorf("erase the devices of a deleted user: %w", err)
	}
	erased := int64(push)
	for {
		n, err := i.store.Erase(ctx, deleted.UserID, at, cleared)
		if err != nil {
			return fmt.Errorf("erase the inbox of a deleted user: %w", err)
		}
		erased += int64(n)
		if n < cleared {
			break
		}
	}
	receipt := events.UserErased{
		UserID: deleted.UserID, ErasureID: deleted.ErasureID, Service: "notifications", Erased: erased, FinishedAt: wire.At(i.now()),
	}
	if err := i.teller.TellErased(ctx, receipt); err != nil {
		return fmt.Errorf("tell what was erased: %w", err)
	}
	return nil
}

// Run deletes what is not kept any more, once an hour, until ctx is done.
func (i *Inbox) Run(ctx context.Context) error {
	ctx = telemetry.Untraced(ctx)
	timer := time.NewTicker(clearing)
	defer timer.Stop()
	for {
		i.clear(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// clear deletes what is not kept. What fails is tried again the next time: it is not shown meanwhile.
func (i *Inbox) clear(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = i.store.Clear(ctx, i.Kept(), cleared); err != nil {
			if ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) {
				i.log.WarnContext(ctx, "what is old in inboxes cannot be deleted; trying again in an hour", "error", err.Error())
			}
			return
		}
	}
}
