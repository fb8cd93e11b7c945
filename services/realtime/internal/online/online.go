// Package online tells whose first stream an edge has opened, and whose last has ended, for whoever wants to know who is online.
//
// # What is told
//
// A user who has a stream is told of at once. A user who has none any more is told of only after [Grace]: most come back before that, from a
// network that failed or another edge, and then nothing is told at all. So a storm of reconnects costs a record for each user who has moved
// here, many in one request, and none for those who have come back. An edge tells that it is alive, and that it stops; where it can do neither,
// all who were online there are offline once its time is over. So an edge that dies needs nobody to tell so.
//
// # State and who may touch it
//
// [Announcer.Changed] may be called from anywhere, under locks of the caller: it waits for nothing. [Announcer.Run] does the rest. Memory is some
// 50 bytes for each user who is online, and for each who has been told of and is not any more; of the latter at most [maxLeft] are kept.
//
// # Failures
//
//   - Kafka is down or takes no writes: what has changed is told when it does again, the newest state alone.
//   - More users than [maxLeft] go while Kafka is down: the rest are told of as offline by the edge's own end, and counted.
package online

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

const (
	source = "/ism/realtime"

	// Grace is how long a user may be without a stream and still be online.
	Grace = 10 * time.Second
	// Lifetime is how long an edge is taken for alive of which nothing is heard.
	Lifetime = 30 * time.Second

	interval   = 500 * time.Millisecond // between two rounds of telling
	aliveEvery = Lifetime / 3
	batch      = 500 // records in a request
	maxLeft    = 200_000
	tellTime   = 10 * time.Second // for one request
)

// Producer appends to the log.
type Producer interface {
	ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error)
}

// Announcer tells who is online at one edge.
type Announcer struct {
	edge     uuid.UUID
	tel      *telemetry.Telemetry
	told     prometheus.Counter
	unknown  prometheus.Counter
	failing  bool      // the last round failed
	aliveDue time.Time // when it is to be told again that the edge is alive

	mu    sync.Mutex
	users map[uuid.UUID]*user
	dirty map[uuid.UUID]struct{} // of whom something may have to be told
	left  int                    // users who are told to be online and are not
}

type user struct {
	online bool
	told   bool      // what the log says
	since  time.Time // of online being false
}

// New makes the announcer of an edge.
func New(tel *telemetry.Telemetry) *Announcer {
	counter := func(name, help string) prometheus.Counter {
		return telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	return &Announcer{
		edge: uuid.New(), tel: tel, users: map[uuid.UUID]*user{}, dirty: map[uuid.UUID]struct{}{},
		told:    counter("ism_realtime_presence_told_total", "Records that say that a user is online here, or no longer."),
		unknown: counter("ism_realtime_presence_untold_total", "Users who have gone and could not be told of: they count as online until this edge stops."),
	}
}

// Edge is the id of the edge, new with each announcer.
func (a *Announcer) Edge() uuid.UUID { return a.edge }

// Changed says that a user has a stream now, or none any more.
func (a *Announcer) Changed(id uuid.UUID, online bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u, known := a.users[id]
	switch {
	case !known && !online:
		return
	case !known:
		u = &user{}
		a.users[id] = u
	case u.online == online:
		return
	}
	u.online = online
	if online {
		if u.told {
			a.left--
		}
		a.dirty[id] = struct{}{}
		return
	}
	if !u.told { // nobody has heard of it
		delete(a.users, id)
		delete(a.dirty, id)
		return
	}
	if a.left == maxLeft {
		a.unknown.Inc()
		delete(a.users, id)
		return
	}
	a.left++
	u.since = time.Now()
	a.dirty[id] = struct{}{}
}

// Run tells what has changed until ctx is done, and then that the edge stops.
func (a *Announcer) Run(ctx context.Context, log Producer) error {
	rounds := time.NewTicker(interval)
	defer rounds.Stop()
	for {
		select {
		case <-ctx.Done():
			a.stop(ctx, log)
			return nil
		case <-rounds.C:
			a.report(ctx, a.round(ctx, log))
		}
	}
}

// report logs the first of several failures in a row.
func (a *Announcer) report(ctx context.Context, err error) {
	if err != nil && !a.failing && ctx.Err() == nil {
		a.tel.Log.WarnContext(ctx, "it cannot be told who is online; trying again", "error", err.Error())
	}
	a.failing = err != nil
}

// round tells what is due.
func (a *Announcer) round(ctx context.Context, to Producer) error {
	if now := time.Now(); !now.Before(a.aliveDue) {
		if err := a.produce(ctx, to, events.EdgeAlive{EdgeID: a.edge, Until: wire.At(now.Add(Lifetime))}); err != nil {
			return err
		}
		a.aliveDue = now.Add(aliveEvery)
	}
	for {
		due := a.due(time.Now())
		if len(due) == 0 {
			return nil
		}
		all := make([]events.Data, 0, len(due))
		for _, change := range due {
			all = append(all, change)
		}
		if err := a.produce(ctx, to, all...); err != nil {
			return err
		}
		a.settle(due)
		a.told.Add(float64(len(due)))
	}
}

// due gives changes to tell, as many as one request takes.
func (a *Announcer) due(now time.Time) []events.PresenceChanged {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []events.PresenceChanged
	for id := range a.dirty {
		u := a.users[id]
		switch {
		case u.online == u.told:
			delete(a.dirty, id)
			continue
		case !u.online && now.Sub(u.since) < Grace:
			continue
		}
		due = append(due, events.PresenceChanged{UserID: id, EdgeID: a.edge, Online: u.online})
		if len(due) == batch {
			break
		}
	}
	return due
}

// settle notes what the log says now.
func (a *Announcer) settle(told []events.PresenceChanged) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, change := range told {
		u, known := a.users[change.UserID]
		if !known { // it went before anything had been told: then it must be told that it is gone
			u = &user{since: time.Now()}
			a.users[change.UserID] = u
			a.dirty[change.UserID] = struct{}{}
		}
		switch {
		case change.Online && !u.online:
			a.left++
		case !change.Online && !u.online:
			a.left--
			delete(a.users, change.UserID)
			delete(a.dirty, change.UserID)
		case !change.Online && u.online:
			// It came back while that was being told: its being online is told next.
		}
		u.told = change.Online
	}
}

// stop tells that the edge stops.
func (a *Announcer) stop(ctx context.Context, log Producer) {
	ctx = context.WithoutCancel(ctx)
	if err := a.produce(ctx, log, events.EdgeAlive{EdgeID: a.edge, Until: wire.At(time.Now())}); err != nil {
		a.tel.Log.WarnContext(ctx, "it cannot be told that this edge stops; its users count as online for a while", "error", err.Error())
	}
}

func (a *Announcer) produce(ctx context.Context, to Producer, all ...events.Data) error {
	records := make([]bus.Record, 0, len(all))
	for _, data := range all {
		headers, value, err := events.Encode(events.New(source, time.Now(), data))
		if err != nil {
			return fmt.Errorf("encode who is online: %w", err)
		}
		records = append(records, bus.Record{
			Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny,
		})
	}
	ctx, cancel := context.WithTimeout(telemetry.Untraced(ctx), tellTime)
	defer cancel()
	if _, err := to.ProduceAll(ctx, records); err != nil {
		return fmt.Errorf("tell who is online: %w", err)
	}
	return nil
}
