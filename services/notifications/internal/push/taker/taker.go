// Package taker takes from the logs of what users are told by push: those who have no open stream, once it is sure that they have not come back or read it.
//
// # How long that takes
//
// Each batch waits until its last record is [Config.Grace] old; records come as fast as they happen, only later. Then whoever is away is told, and the batch is
// committed. Who is said to be online may be gone: realtime tells it ten seconds later, and of an edge that died thirty. Those are watched, in memory, until it
// is sure. So what a process's death loses is the telling of those who went at most half a minute before it.
//
// # Failures
//
//   - Kafka or the store is down: the batch waits, and is tried again. What is older than [Stale] by then is passed over: nobody wants to be woken for it.
//   - More than [maxWatched] users are to be watched: the rest count as having seen it; the metric says how many.
package taker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/push/presence"
	"github.com/ism-chat/ism/services/notifications/internal/push/reads"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// Stale is how old something is of which nobody is told any more.
	Stale = reads.Kept

	maxWatched = 100_000 // users with something that happened
	watchEvery = time.Second
	// unwatched is after how long a user is given up whom it was not possible to tell.
	unwatched = 2 * time.Minute
)

var errStopping = errors.New("the taker is stopping")

// Told is something that happened, and the users who are told of it.
type Told struct {
	Event   *Event
	Users   []uuid.UUID
	Devices []store.Device // of the users, from before it happened
}

// Outlet tells users. What it is handed again after an error it tells again. The error may be [bus.ErrRejected].
type Outlet interface {
	Tell(ctx context.Context, told []Told) error
}

// Store is what the taker needs of the store.
type Store interface {
	Devices(ctx context.Context, users []uuid.UUID) ([]store.Device, error)
	PushSettings(ctx context.Context, users, rooms []uuid.UUID) ([]store.PushSetting, error)
}

// Config says how a taker works.
type Config struct {
	Grace time.Duration
	Store Store
	Who   *presence.Who
	Marks *reads.Marks
	// Known is closed once Who and Marks have read what there is.
	Known <-chan struct{}
	// Outlets are handed everything, one after the other.
	Outlets []Outlet
	Now     func() time.Time
	Tel     *telemetry.Telemetry
}

// Taker takes records, and tells users. It is safe for concurrent use.
type Taker struct {
	cfg     Config
	log     *slog.Logger
	told    prometheus.Counter
	ignored prometheus.Counter
	stop    chan struct{} // closed when it is to stop
	firsts  *bus.Firsts[uuid.UUID]

	mu      sync.Mutex
	watched []watch
}

// watch is a user who may not have seen something.
type watch struct {
	event *Event
	user  uuid.UUID
}

// New makes a taker.
func New(cfg Config) *Taker {
	told, ignored := counters(cfg.Tel)
	return &Taker{cfg: cfg, log: cfg.Tel.Log, stop: make(chan struct{}), firsts: bus.NewFirsts[uuid.UUID](), told: told, ignored: ignored}
}

// AtRest has the metrics say that nobody is told, until a taker runs: alerts see no increase in what appears with its first count.
func AtRest(tel *telemetry.Telemetry) { counters(tel) }

func counters(tel *telemetry.Telemetry) (told, ignored prometheus.Counter) {
	counter := func(name, help string) prometheus.Counter {
		return telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	told = counter("ism_push_told_total", "Users who were told of something by push, each once for all devices.")
	ignored = counter("ism_push_unwatched_total", "Users who may have missed something and were not told of it: too many were watched, or it was not possible to tell them.")
	return told, ignored
}

// Take takes records of one partition. It is a [bus.Handler]. Of an event that the log has twice, see [bus.Firsts], it tells once, unless another process has
// taken the first.
func (t *Taker) Take(ctx context.Context, records []bus.Record) error {
	if err := t.firsts.Read(records); err != nil {
		return err
	}
	var happened []*Event
	for _, record := range records {
		if !isTaken(record) || t.cfg.Now().Sub(record.Time) > Stale {
			continue
		}
		of, err := eventsOf(record)
		if err != nil {
			return err
		}
		of = slices.DeleteFunc(of, func(event *Event) bool { return t.firsts.First(record, event.ID) < record.Offset })
		happened = append(happened, of...)
	}
	if len(happened) == 0 {
		return nil
	}
	if err := t.wait(ctx, records[len(records)-1].Time); err != nil {
		return err
	}
	told, watched := t.divide(happened)
	if err := t.tell(ctx, told); err != nil {
		return err
	}
	t.watch(watched)
	return nil
}

// wait waits until the grace is over for what was written at a time.
func (t *Taker) wait(ctx context.Context, at time.Time) error {
	select {
	case <-t.cfg.Known:
	case <-t.stop:
		return errStopping
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // it is the caller's
	}
	timer := time.NewTimer(min(at.Add(t.cfg.Grace).Sub(t.cfg.Now()), t.cfg.Grace))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.stop:
		return errStopping
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // it is the caller's
	}
}

// divide finds out who is to be told, and who may have to be.
func (t *Taker) divide(happened []*Event) (told []Told, watched []watch) {
	for _, event := range happened {
		var away []uuid.UUID
		for _, user := range event.to {
			if t.over(event, user) {
				continue
			}
			switch t.cfg.Who.Seen(user, event.At) {
			case presence.Away:
				away = append(away, user)
			case presence.Perhaps:
				watched = append(watched, watch{event, user})
			case presence.Saw:
			}
		}
		if len(away) > 0 {
			told = append(told, Told{Event: event, Users: away})
		}
	}
	return told, watched
}

// over reports whether a user need not be told any more, wherever it is.
func (t *Taker) over(event *Event, user uuid.UUID) bool {
	if !event.Expires.IsZero() && !t.cfg.Now().Before(event.Expires) {
		return true
	}
	return event.IsMessage() && (t.cfg.Marks.Read(user, event.RoomID, event.At) || t.cfg.Marks.Deleted(event.MessageID))
}

// tell tells users, unless they do not want to be.
func (t *Taker) tell(ctx context.Context, told []Told) error {
	if len(told) == 0 {
		return nil
	}
	wanted, err := t.wanted(ctx, told)
	if err != nil || len(wanted) == 0 {
		return err
	}
	for _, outlet := range t.cfg.Outlets {
		if err := outlet.Tell(ctx, wanted); err != nil {
			return err //nolint:wrapcheck // it says what was being done
		}
	}
	for _, one := range wanted {
		t.told.Add(float64(len(one.Users)))
	}
	return nil
}

// wanted leaves out who does not want to be told, and adds the devices of the others.
func (t *Taker) wanted(ctx context.Context, told []Told) (wanted []Told, err error) {
	users, rooms := map[uuid.UUID]bool{}, map[uuid.UUID]bool{uuid.Nil: true}
	for _, one := range told {
		rooms[one.Event.RoomID] = true
		for _, user := range one.Users {
			users[user] = true
		}
	}
	all := keys(users)
	kept, err := t.cfg.Store.PushSettings(ctx, all, keys(rooms))
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what was being done
	}
	devices, err := t.cfg.Store.Devices(ctx, all)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what was being done
	}
	settings, of := settingsOf(kept), map[uuid.UUID][]store.Device{}
	for _, device := range devices {
		of[device.UserID] = append(of[device.UserID], device)
	}
	for _, one := range told {
		one.Users = slices.DeleteFunc(one.Users, func(user uuid.UUID) bool { return !settings.want(one.Event, user, t.cfg.Now()) })
		if len(one.Users) == 0 {
			continue
		}
		for _, user := range one.Users {
			for _, device := range of[user] {
				if device.MadeAt.Before(one.Event.At) { // one that came later has read what was there
					one.Devices = append(one.Devices, device)
				}
			}
		}
		wanted = append(wanted, one)
	}
	return wanted, nil
}

func keys(of map[uuid.UUID]bool) []uuid.UUID {
	all := make([]uuid.UUID, 0, len(of))
	for id := range of {
		all = append(all, id)
	}
	return all
}

// watch adds who may have missed something.
func (t *Taker) watch(more []watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	room := max(maxWatched-len(t.watched), 0)
	if len(more) > room {
		t.ignored.Add(float64(len(more) - room))
		more = more[:room]
	}
	t.watched = append(t.watched, more...)
}

// Run tells users of whom it turns out that they have missed something, until ctx is done. Then what Take waits for is given up, to be taken again.
func (t *Taker) Run(ctx context.Context) error {
	endMetrics := t.showWatched()
	defer endMetrics()
	defer close(t.stop)
	ctx = telemetry.Untraced(ctx)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			t.look(ctx)
		}
	}
}

func (t *Taker) showWatched() (end func()) {
	return t.cfg.Tel.Saturation("push_watched", "notifications", func() (used, limit float64) {
		t.mu.Lock()
		defer t.mu.Unlock()
		return float64(len(t.watched)), maxWatched
	})
}

// look finds out of those who are watched who is to be told. Whom it was not possible to tell is looked at again.
func (t *Taker) look(ctx context.Context) {
	t.mu.Lock()
	watched := t.watched
	t.watched = nil
	t.mu.Unlock()
	var told []Told
	var again []watch
	for _, w := range watched {
		switch sight := t.cfg.Who.Seen(w.user, w.event.At); {
		case t.over(w.event, w.user) || sight == presence.Saw:
		case sight == presence.Away:
			told = with(told, w)
		case t.cfg.Now().Sub(w.event.At) < unwatched:
			again = append(again, w)
		default:
			t.ignored.Inc()
		}
	}
	t.watch(again)
	for len(told) > 0 {
		n := min(len(told), atOnce)
		if err := t.tell(ctx, told[:n]); err != nil {
			t.failed(ctx, told[:n], err)
		}
		told = told[n:]
	}
}

// atOnce is how many events are told of at once of those who are watched.
const atOnce = 100

// with adds a user to those who are told of an event; those of one event stand one behind the other.
func with(told []Told, w watch) []Told {
	if last := len(told) - 1; last >= 0 && told[last].Event == w.event {
		told[last].Users = append(told[last].Users, w.user)
		return told
	}
	return append(told, Told{Event: w.event, Users: []uuid.UUID{w.user}})
}

// failed watches on those whom it was not possible to tell, for a while.
func (t *Taker) failed(ctx context.Context, told []Told, err error) {
	var again []watch
	for _, one := range told {
		for _, user := range one.Users {
			if !errors.Is(err, bus.ErrRejected) && t.cfg.Now().Sub(one.Event.At) < unwatched {
				again = append(again, watch{one.Event, user})
			} else {
				t.ignored.Inc()
			}
		}
	}
	t.watch(again)
	if ctx.Err() == nil {
		t.log.WarnContext(ctx, "users cannot be told by push", "trying_again", len(again) > 0, "error", err.Error())
	}
}
