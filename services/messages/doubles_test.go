package messages_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

// rooms stands in for the rooms service: another service, not an engine.
type rooms struct {
	mu        sync.Mutex
	known     map[uuid.UUID]events.Membership
	standings map[[2]uuid.UUID]events.Standing
	tenants   map[uuid.UUID]string // of users; others are unknown
	down      bool
}

func newRooms() *rooms {
	return &rooms{known: map[uuid.UUID]events.Membership{}, standings: map[[2]uuid.UUID]events.Standing{}, tenants: map[uuid.UUID]string{}}
}

func (r *rooms) put(m events.Membership) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[m.RoomID] = m
}

// forget makes a room one that has ended.
func (r *rooms) forget(room uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, room)
}

// other gives another member of a room.
func (r *rooms) other(room, user uuid.UUID) uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, member := range r.known[room].Users {
		if member != user {
			return member
		}
	}
	return uuid.Nil
}

func (r *rooms) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *rooms) Membership(_ context.Context, room uuid.UUID) (events.Membership, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return events.Membership{}, errors.New("connection refused")
	}
	m, ok := r.known[room]
	if !ok {
		return events.Membership{}, membership.ErrRoomNotFound
	}
	return m, nil
}

// stand says how a user stands to a room whose members do not all see all of it, or who has left.
func (r *rooms) stand(s events.Standing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.standings[[2]uuid.UUID{s.RoomID, s.UserID}] = s
}

func (r *rooms) Standing(_ context.Context, room, user uuid.UUID) (events.Standing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return events.Standing{}, errors.New("connection refused")
	}
	standing, ok := r.standings[[2]uuid.UUID{room, user}]
	if !ok {
		return events.Standing{}, membership.ErrRoomNotFound
	}
	return standing, nil
}

// belongs says of which tenant a user is.
func (r *rooms) belongs(user uuid.UUID, tenant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tenants[user] = tenant
}

func (r *rooms) User(_ context.Context, user uuid.UUID) (events.UserAnswer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return events.UserAnswer{}, errors.New("connection refused")
	}
	tenant, ok := r.tenants[user]
	if !ok {
		return events.UserAnswer{}, membership.ErrUserNotFound
	}
	return events.UserAnswer{ID: user, Tenant: tenant, DisplayName: "user " + user.String()[:4]}, nil
}

// faulty is a real store with an outage that can be switched on, and a count of what was written.
type faulty struct {
	store.Store
	mu       sync.Mutex
	outage   bool
	hanging  bool                   // an outage that shows by nothing being answered
	lost     func(store.Entry) bool // which entries cannot be written; nil: all can
	pace     events.Pace            // of what is found; 0: as the store has it
	appended int
}

// pacing has messages found as those of a room with a pace.
func (f *faulty) pacing(pace events.Pace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pace = pace
}

func (f *faulty) set(outage, hanging bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outage, f.hanging = outage, hanging
}

// lose says which entries cannot be written.
func (f *faulty) lose(which func(store.Entry) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = which
}

// written is how many messages have been written since it was last asked.
func (f *faulty) written() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.appended
	f.appended = 0
	return n
}

func (f *faulty) fault(ctx context.Context) error {
	f.mu.Lock()
	outage, hanging := f.outage, f.hanging
	f.mu.Unlock()
	switch {
	case hanging:
		<-ctx.Done()
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	case outage:
		return store.ErrUnavailable
	default:
		return nil
	}
}

func (f *faulty) Append(ctx context.Context, entries []store.Entry) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	lost := f.lost
	f.mu.Unlock()
	if lost != nil && slices.ContainsFunc(entries, lost) {
		return store.ErrUnavailable
	}
	if err := f.Store.Append(ctx, entries); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.appended += len(entries)
	return nil
}

func (f *faulty) Page(ctx context.Context, room uuid.UUID, within store.Range, limit int) ([]store.Entry, error) {
	if err := f.fault(ctx); err != nil {
		return nil, err
	}
	return f.Store.Page(ctx, room, within, limit)
}

func (f *faulty) Find(ctx context.Context, room, message uuid.UUID) (store.Entry, error) {
	if err := f.fault(ctx); err != nil {
		return store.Entry{}, err
	}
	entry, err := f.Store.Find(ctx, room, message)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pace != 0 {
		entry.Pace = f.pace
	}
	return entry, err
}

func (f *faulty) FirstPositions(ctx context.Context, messages []store.Key) (map[store.Key]events.Position, error) {
	if err := f.fault(ctx); err != nil {
		return nil, err
	}
	return f.Store.FirstPositions(ctx, messages)
}

func (f *faulty) Withdraw(ctx context.Context, entries []store.Entry) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	return f.Store.Withdraw(ctx, entries)
}

func (f *faulty) Written(ctx context.Context, sender uuid.UUID, from []byte, limit int) (store.Written, error) {
	if err := f.fault(ctx); err != nil {
		return store.Written{}, err
	}
	return f.Store.Written(ctx, sender, from, limit)
}

func (f *faulty) SetRetention(ctx context.Context, room uuid.UUID, days int) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	return f.Store.SetRetention(ctx, room, days)
}

func (f *faulty) UnsetRetention(ctx context.Context, room uuid.UUID) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	return f.Store.UnsetRetention(ctx, room)
}

func (f *faulty) Retention(ctx context.Context, room uuid.UUID) (days int, set bool, err error) {
	if err := f.fault(ctx); err != nil {
		return 0, false, err
	}
	return f.Store.Retention(ctx, room)
}

func (f *faulty) RecordedLogs(ctx context.Context, topic string) ([]bus.RecordedLog, error) {
	if err := f.fault(ctx); err != nil {
		return nil, err
	}
	return f.Store.RecordedLogs(ctx, topic)
}

func (f *faulty) Ping(ctx context.Context) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	return f.Store.Ping(ctx)
}

// recorder keeps what is logged at error level, and of the rest the lines about messages that were accepted.
type recorder struct {
	mu       sync.Mutex
	errors   []string
	accepted []map[string]string // their attributes
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	if record.Level == slog.LevelInfo && record.Message == "message accepted" {
		line := map[string]string{}
		record.Attrs(func(a slog.Attr) bool { line[a.Key] = a.Value.String(); return true })
		r.mu.Lock()
		defer r.mu.Unlock()
		r.accepted = append(r.accepted, line)
	}
	if record.Level < slog.LevelError {
		return nil
	}
	line := record.Message
	record.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, line)
	return nil
}

func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *recorder) WithGroup(string) slog.Handler      { return r }

// taken gives what has been logged at error level since it was last asked.
func (r *recorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.errors
	r.errors = nil
	return lines
}
