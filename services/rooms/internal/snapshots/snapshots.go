// Package snapshots writes who is in large rooms anew where [events.TopicMemberships] is another log than it was: it was deleted and made anew, or
// is written to for the first time. Without that edges that start would know nothing of a large room until each of its parts has changed.
//
// # State
//
// How far it is stands in the store, by Kafka's id of the topic. Each step is a transaction of one room, which says so there: whoever comes next goes
// on where a process has ended. Several processes take turns, as each step locks that.
//
// # Invariants
//
//   - An incarnation counts as written once the snapshots of all large rooms are in the outbox, behind the moment at which the topic was found to be
//     this one. So they go to it, or to one that came later, which is not written then.
//   - A room that becomes large meanwhile writes its snapshots itself, see package changes.
//
// # Failures
//
//   - The store or the log is away: the step is tried again. No step begins before the outbox has brought what the one before wrote to the log, so
//     changes wait for one room's snapshots at most.
//   - The topic becomes another one while this runs: [Snapshots.Run] ends, with an error, and the process is started again.
package snapshots

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

const (
	// pause is between two rooms, so that changes, and edges that take the snapshots, have most of the time for themselves.
	pause   = 100 * time.Millisecond
	timeout = 30 * time.Second // of one step
)

// Logs are the brokers' topics, see [bus.Bus].
type Logs interface {
	EnsureTopics(ctx context.Context, names ...string) error
	Incarnations(ctx context.Context, topics ...string) ([]bus.Incarnation, error)
	WatchIncarnations(ctx context.Context, every time.Duration, found []bus.Incarnation) error
}

// Changes are the steps, see [changes.Changes.RewriteNext].
type Changes interface {
	RewriteNext(ctx context.Context, topic uuid.UUID, at time.Time) (changes.Rewritten, error)
}

// Relay waits until a row of the outbox is in the log, for a while, see [outbox.Relay.Await].
type Relay interface {
	Await(ctx context.Context, row int64)
}

// Outbox says which rows are not in the log yet, see [outbox.Outbox].
type Outbox interface {
	Pending(ctx context.Context, rows []int64) ([]int64, error)
}

// Snapshots writes snapshots anew. Run it once.
type Snapshots struct {
	logs    Logs
	changes Changes
	relay   Relay
	outbox  Outbox
	now     func() time.Time
	log     *slog.Logger
	rooms   prometheus.Counter
}

// New makes a Snapshots.
func New(logs Logs, by Changes, relay Relay, rows Outbox, now func() time.Time, tel *telemetry.Telemetry) *Snapshots {
	return &Snapshots{
		logs: logs, changes: by, relay: relay, outbox: rows, now: now, log: tel.Log,
		rooms: telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_rooms_snapshots_rewritten_total",
			Help: "Large rooms of which it was written anew who is in them, as " + events.TopicMemberships + " has become another log.",
		})),
	}
}

// Run makes the topic where it is missing, writes to it what it has not got, and watches it until ctx is done. The error is [bus.ErrOtherLogs] when
// it becomes another one.
func (s *Snapshots) Run(ctx context.Context) error {
	found, err := s.find(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var rewriting sync.WaitGroup
	rewriting.Go(func() { s.rewrite(ctx, found.ID) })
	err = s.logs.WatchIncarnations(ctx, bus.LookEvery, []bus.Incarnation{found})
	stop()
	rewriting.Wait()
	return err
}

// find gives the topic as it is.
func (s *Snapshots) find(ctx context.Context) (found bus.Incarnation, err error) {
	if err := s.logs.EnsureTopics(ctx, events.TopicMemberships); err != nil {
		return bus.Incarnation{}, err
	}
	err = s.retry(ctx, "it is not known which log "+events.TopicMemberships+" is; trying again", func(ctx context.Context) error {
		incarnations, err := s.logs.Incarnations(ctx, events.TopicMemberships)
		if err == nil {
			found = incarnations[0]
		}
		return err
	})
	if err != nil {
		return bus.Incarnation{}, fmt.Errorf("find %s: %w", events.TopicMemberships, err)
	}
	return found, nil
}

// rewrite writes the snapshots of all large rooms, unless the incarnation has them, or ctx is done before.
func (s *Snapshots) rewrite(ctx context.Context, topic uuid.UUID) {
	rooms, began := 0, s.now()
	for {
		done, err := s.step(ctx, topic)
		if err != nil {
			return
		}
		if done.Row != 0 {
			if rooms++; rooms == 1 {
				s.log.InfoContext(ctx, events.TopicMemberships+" is another log than it was: who is in large rooms is written to it anew",
					"topic_id", topic.String())
			}
			s.rooms.Inc()
			s.settle(ctx, done.Row)
		}
		if done.Finished {
			break
		}
	}
	if rooms > 0 {
		s.log.InfoContext(ctx, "who is in large rooms is written anew", "topic", events.TopicMemberships, "topic_id", topic.String(), "rooms", rooms,
			"seconds", s.now().Sub(began).Seconds())
	}
}

// step writes the next room. The error is that of ctx.
func (s *Snapshots) step(ctx context.Context, topic uuid.UUID) (done changes.Rewritten, err error) {
	err = s.retry(ctx, "who is in large rooms cannot be written anew; trying again", func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		done, err = s.changes.RewriteNext(ctx, topic, s.now())
		return err
	})
	return done, err
}

// settle waits until a row is in the log, and a while longer.
func (s *Snapshots) settle(ctx context.Context, row int64) {
	for ctx.Err() == nil {
		s.relay.Await(ctx, row)
		if pending, err := s.outbox.Pending(ctx, []int64{row}); err == nil && len(pending) == 0 {
			break
		}
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

// retry attempts something until it succeeds or ctx is done, and logs the first failure alone.
func (s *Snapshots) retry(ctx context.Context, warning string, attempt func(ctx context.Context) error) error {
	var first sync.Once
	return retry.Policy{First: time.Second, Max: 5 * time.Second}.Do(ctx, attempt, func(err error, _ time.Duration) {
		first.Do(func() { s.log.WarnContext(ctx, warning, "error", err.Error()) })
	})
}
