// Package erasures erases what users have written who were deleted, and what others have of them in their messages: what replies quote, and mentions.
//
// # State
//
// What is to be done, and how far it is, is in the store: a process that takes a deletion from the users' log records it there, and any process carries it
// on, in steps of bounded size, from where the last one has saved. A process that works on an erasure has claimed it for [lease]; of one that
// has died another takes it over. A claim only saves work: two that work on the same erasure write some deletions twice, and the second changes nothing.
//
// # Stages
//
// A first walk through all that involves the user erases it. Then there is a pause: until [Settle] after the deletion, as what was on its way may still
// come, a little longer than the walk, as somebody may still have replied to what it erased, and until the timelines have all that the log had by then. A last
// walk erases what has come, and counts what the user had written and is erased: by what it finds, and so the same however often processes have died. The
// receipt is told, and the erasure is finished.
//
// # Invariants
//
//   - What the user has written later than Settle after its deletion is left alone: the backend has put the user again. So are mentions in messages that were
//     sent later, and what is quoted of such messages.
//   - A message of somebody else is changed from the content that it has, and loses nothing else.
//   - Everything goes through the rooms' log, as if the user had deleted its messages one by one. So timelines, streams and lists agree, also after a replay.
package erasures

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// Settle is how long after a deletion messages of the user may still come: rooms takes it out of its rooms meanwhile.
	Settle = time.Minute
	// Rate is how many messages a process erases in a second, so that an erasure takes little from those who chat.
	Rate = 100

	step  = 50  // messages of one step
	page  = 100 // erasures that are read at once
	pause = 2 * time.Second
	lease = 30 * time.Second
	// tolerated is how many erasures may fail until the others are left for later: then it is not their own fault.
	tolerated = 3
	// underWay is how long a reply may be under way to the log after it has read what it quotes.
	underWay = 5 * time.Second
	// skew is how far clocks may be apart: what was deleted so shortly before the user was counts as erased.
	skew = time.Minute
)

// Store is the part of the store that erasures need.
type Store interface {
	store.Senders
	store.Erasures
}

// Timeline is what an erasure does.
type Timeline interface {
	// Delete deletes a message of a user who was deleted.
	Delete(ctx context.Context, entry store.Entry) error
	// Rename gives a message of a change of members another body, which names nobody.
	Rename(ctx context.Context, entry store.Entry, body wire.RoomChangeBody) error
	// Change gives a message of somebody else what change makes of the content that it has, unless that says that there is nothing to change, or it is deleted.
	Change(ctx context.Context, of store.Key, change func(wire.Message) (changed wire.Message, any bool)) error
	// Ends is where the log ends now, by partition.
	Ends() ([]int64, error)
	// Has reports whether the store has all that the log has before these offsets.
	Has(ends []int64) (bool, error)
	// Tell tells the receipt.
	Tell(ctx context.Context, erased events.UserErased) error
}

// Erasures carries erasures through. Run it once; Take is for the consumer of the users' log.
type Erasures struct {
	store    Store
	timeline Timeline
	now      func() time.Time
	rate     *rate.Limiter
	log      *slog.Logger
	self     uuid.UUID // by which it claims
	wake     chan struct{}
	healing  healing
}

// healing is until when the timelines are known to have all that was in the log.
type healing struct {
	until time.Time
	asked time.Time // when the log had these ends
	ends  []int64   // nil: it was not asked
}

// New makes an Erasures that erases at most so much.
func New(s Store, timeline Timeline, now func() time.Time, limit rate.Limit, log *slog.Logger) *Erasures {
	return &Erasures{
		store: s, timeline: timeline, now: now, rate: rate.NewLimiter(limit, 1), log: log, self: uuid.New(), wake: make(chan struct{}, 1),
	}
}

// Take records that a user has been deleted.
func (e *Erasures) Take(ctx context.Context, deleted events.UserDeleted, at time.Time) error {
	err := e.store.BeginErasure(ctx, store.Erasure{ID: deleted.ErasureID, UserID: deleted.UserID, Tenant: deleted.Tenant, At: at})
	if err != nil {
		return err
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run works until ctx is done. What fails is tried again.
func (e *Erasures) Run(ctx context.Context) error {
	ctx = telemetry.Untraced(ctx)
	timer := time.NewTicker(pause)
	defer timer.Stop()
	for {
		more, err := e.Step(ctx)
		if err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "the erasure of what a user has written cannot go on; trying again", "error", err.Error())
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// Step does a part of each erasure that is pending, and reports whether there is more to do at once. One that fails holds up no other.
func (e *Erasures) Step(ctx context.Context) (more bool, err error) {
	var (
		failed []error
		due    time.Time // when the first of those has settled that wait for it
	)
	for behind := uuid.Nil; ; {
		pending, err := e.store.PendingErasures(ctx, behind, page)
		if err != nil {
			return false, err
		}
		if len(pending) == 0 {
			break
		}
		for _, of := range pending {
			went, err := e.step(ctx, of)
			if err != nil {
				failed = append(failed, err)
			}
			if len(failed) > tolerated {
				return false, errors.Join(failed...)
			}
			more = more || went
			if settled := settled(of); of.Stage == store.Settling && !went && (due.IsZero() || settled.Before(due)) {
				due = settled
			}
		}
		behind = pending[len(pending)-1].ID
	}
	if !due.IsZero() && !e.now().Before(due) {
		healed, err := e.heal(due)
		if err != nil {
			failed = append(failed, err)
		}
		more = more || healed
	}
	return more, errors.Join(failed...)
}

// step does a part of one erasure, and reports whether it may go on at once.
func (e *Erasures) step(ctx context.Context, of store.Erasure) (went bool, err error) {
	if of.ClaimedBy != e.self && e.now().Before(of.ClaimedUntil) {
		return false, nil
	}
	if of.Stage == store.Settling {
		if e.healing.until.Before(settled(of)) {
			return false, nil
		}
		of.Stage, of.From, of.Erased = store.Checking, nil, 0
	}
	if of.ClaimedBy != e.self {
		if err := e.save(ctx, of); err != nil {
			return false, err
		}
	}
	part, err := e.store.Involving(ctx, of.UserID, of.From, step)
	if err != nil {
		return false, err
	}
	for _, entry := range part.Entries {
		erased, err := e.erase(ctx, of, entry)
		if err != nil {
			return false, err
		}
		if erased {
			of.Erased++
		}
	}
	of.From = part.Next
	switch {
	case of.From != nil:
	case of.Stage == store.Erasing:
		of.Stage = store.Settling
	default:
		return true, e.finish(ctx, of)
	}
	return true, e.save(ctx, of)
}

// settled is when nothing is on its way any more that the first walk of an erasure, which has ended, has not found.
func settled(of store.Erasure) time.Time {
	settled, walked := of.At.Add(Settle), of.ClaimedUntil.Add(-lease)
	if behind := walked.Add(underWay); behind.After(settled) {
		return behind
	}
	return settled
}

func (e *Erasures) save(ctx context.Context, of store.Erasure) error {
	of.ClaimedBy, of.ClaimedUntil = e.self, e.now().Add(lease)
	return e.store.SaveErasure(ctx, of)
}

// erase erases one message, unless it is, and reports whether it is one that the erasure has erased.
func (e *Erasures) erase(ctx context.Context, of store.Erasure, entry store.Entry) (erased bool, err error) {
	switch {
	case entry.Message.SenderID != of.UserID:
		return false, e.takeOut(ctx, of, entry)
	case entry.Message.CreatedAt.After(of.At.Add(Settle)):
		return false, nil
	case entry.Message.Type == wire.RoomChange:
		return false, e.rename(ctx, of.UserID, entry)
	case !entry.DeletedAt.IsZero():
		return !entry.DeletedAt.Before(of.At.Add(-skew)), nil
	}
	if err := e.rate.Wait(ctx); err != nil {
		return false, err
	}
	return true, e.timeline.Delete(ctx, entry)
}

// takeOut takes the user out of a message of somebody else.
func (e *Erasures) takeOut(ctx context.Context, of store.Erasure, entry store.Entry) error {
	change := func(message wire.Message) (wire.Message, bool) { return without(message, of.UserID, of.At.Add(Settle)) }
	if _, any := change(entry.Message); !any {
		return nil
	}
	if err := e.rate.Wait(ctx); err != nil {
		return err
	}
	return e.timeline.Change(ctx, store.KeyOf(entry), change)
}

// rename takes the name and the picture of the user from a message that says that it has joined or left. What cannot be read names nobody.
func (e *Erasures) rename(ctx context.Context, user uuid.UUID, entry store.Entry) error {
	var body wire.RoomChangeBody
	if err := json.Unmarshal(entry.Message.Body, &body); err != nil || body.RelatedUser.ID != user {
		return nil //nolint:nilerr // another build may have written it otherwise
	}
	if body.RelatedUser.DisplayName == wire.DeletedName && body.RelatedUser.ProfilePicture == nil {
		return nil
	}
	body.RelatedUser.DisplayName, body.RelatedUser.ProfilePicture = wire.DeletedName, nil
	if err := e.rate.Wait(ctx); err != nil {
		return err
	}
	return e.timeline.Rename(ctx, entry, body)
}

func (e *Erasures) finish(ctx context.Context, of store.Erasure) error {
	now := e.now()
	err := e.timeline.Tell(ctx, events.UserErased{
		UserID: of.UserID, ErasureID: of.ID, Service: "messages", Erased: of.Erased, FinishedAt: wire.At(now),
	})
	if err != nil {
		return err
	}
	e.log.InfoContext(ctx, "what a user had written is erased", "erasure_id", of.ID.String(), "messages", of.Erased)
	return e.store.FinishErasure(ctx, of, now)
}

// heal learns until when the timelines have what was in the log, and reports whether they have all that was there at a time: the log is asked for its ends,
// and the timelines, then and later, whether they have come there.
func (e *Erasures) heal(at time.Time) (healed bool, err error) {
	if e.healing.ends == nil {
		asked := e.now()
		if e.healing.ends, err = e.timeline.Ends(); err != nil {
			return false, err
		}
		e.healing.asked = asked
	}
	has, err := e.timeline.Has(e.healing.ends)
	if err != nil || !has {
		return false, err
	}
	e.healing = healing{until: e.healing.asked}
	return !e.healing.until.Before(at), nil
}
