package peers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/retry"
)

const (
	maxEnds     = 1000      // that are remembered, the newest
	endLifetime = time.Hour // of what is remembered: no longer than the log has it
	tellTimeout = 10 * time.Second
)

// end is that this edge has told all edges to end a user's streams.
type end struct {
	event uuid.UUID
	user  uuid.UUID
	at    time.Time
	read  bool
}

// Disconnect ends the open streams of a user at all edges. It returns once this edge has read it: should the log lose it afterwards, this edge notices,
// and tells it again. Errors: [bus.ErrUnavailable], after which it may happen all the same.
func (p *Peers) Disconnect(ctx context.Context, user uuid.UUID) error {
	event := events.New(source, time.Now(), events.UserDisconnected{UserID: user})
	told := &end{event: event.ID, user: user, at: event.Time}
	p.remember(told)
	err := p.tell(ctx, event)
	if err == nil && !p.await(ctx, awaitOwn, func() bool { return told.read }) {
		err = fmt.Errorf("%w: it has not been read", bus.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("disconnect a user: %w", err)
	}
	return nil
}

// remember keeps an end, and no more than it may.
func (p *Peers) remember(told *end) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = append(p.ends, told)
	old := len(p.ends) - maxEnds
	for old < len(p.ends) && (old < 0 || time.Since(p.ends[old].at) > endLifetime) {
		old++
	}
	p.ends = slices.Delete(p.ends, 0, max(0, old))
}

// endRead notes that an end is in the log.
func (p *Peers) endRead(event uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, told := range p.ends {
		told.read = told.read || told.event == event
	}
}

// Run tells ends again that the log may have lost, until ctx is done.
func (p *Peers) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.again:
		}
		for _, told := range p.acknowledged() {
			p.tellAgain(ctx, told)
		}
	}
}

// acknowledged gives the users whose ends have been read: callers may have been told that they are in the log.
func (p *Peers) acknowledged() []uuid.UUID {
	p.mu.Lock()
	defer p.mu.Unlock()
	var users []uuid.UUID
	for _, told := range p.ends {
		if told.read && time.Since(told.at) <= endLifetime && !slices.Contains(users, told.user) {
			users = append(users, told.user)
		}
	}
	return users
}

// tellAgain tries until the log has it. Streams that their users have opened since end once more, which is better than one that does not end.
func (p *Peers) tellAgain(ctx context.Context, user uuid.UUID) {
	attempt := func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(ctx, tellTimeout)
		defer cancel()
		return p.tell(limited, events.New(source, time.Now(), events.UserDisconnected{UserID: user}))
	}
	failed := func(err error, _ time.Duration) {
		p.logger.WarnContext(ctx, "it cannot be told again that a user's streams are to end; trying again", "error", err.Error())
	}
	_ = retry.Policy{First: time.Second, Max: 10 * time.Second}.Do(ctx, attempt, failed) // it fails only with ctx
}
