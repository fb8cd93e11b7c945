// Package presence knows who has an open stream, from what realtime's edges tell on ism.online.
//
// # What is told
//
// An edge tells whose first stream it has opened at once, and whose last has ended 10 seconds later; each 10 seconds it tells that it is alive for another 30.
// So who is said to be online may have gone a while ago: [Who.Seen] says when that is sure, either way.
//
// # State
//
// All of it is in memory, some 100 bytes for each user who is online, and follows from the log, which each process reads from its beginning. It is safe for
// concurrent use.
package presence

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

const (
	// Late is how long after a stream's end it is told, at most: realtime waits for ten seconds, and tells twice a second.
	Late = 11 * time.Second
	// Lost is after how long an edge that has died is known to be dead, at most.
	Lost = 31 * time.Second

	clearing = time.Minute // between two times at which edges that are dead are forgotten
)

// Who knows who is online.
type Who struct {
	now func() time.Time

	mu      sync.Mutex
	edges   map[uuid.UUID]edge
	users   map[uuid.UUID]map[uuid.UUID]time.Time // at which edges a user is online, and since when
	cleared time.Time
	whole   bool // the log has been read whole
}

// edge is what is known of an edge.
type edge struct {
	until time.Time // it is taken for alive
	told  time.Time // when it has said so last
}

// New makes a Who that knows nobody.
func New(now func() time.Time) *Who {
	return &Who{now: now, edges: map[uuid.UUID]edge{}, users: map[uuid.UUID]map[uuid.UUID]time.Time{}}
}

// CaughtUp says that the log has been read whole. Before that nothing is forgotten: it is compacted, so what is said of an edge may stand far behind what is
// said of its users.
func (w *Who) CaughtUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole = true
}

// Take takes records of ism.online, in their order. It is a [bus.Handler]. What is malformed is passed over.
func (w *Who) Take(_ context.Context, records []bus.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			continue // one record that nobody can read must not hide who comes behind it
		}
		switch data := event.Data.(type) {
		case events.EdgeAlive:
			w.edges[data.EdgeID] = edge{until: data.Until.Time, told: event.Time}
		case events.PresenceChanged:
			w.change(data, event.Time)
		}
	}
	w.clear()
	return nil
}

func (w *Who) change(data events.PresenceChanged, at time.Time) {
	of := w.users[data.UserID]
	switch {
	case !data.Online:
		delete(of, data.EdgeID)
		if len(of) == 0 {
			delete(w.users, data.UserID)
		}
	case of == nil:
		w.users[data.UserID] = map[uuid.UUID]time.Time{data.EdgeID: at}
	default:
		of[data.EdgeID] = at
	}
}

// clear forgets edges that are dead for long, and who was online there.
func (w *Who) clear() {
	now := w.now()
	if !w.whole || now.Sub(w.cleared) < clearing {
		return
	}
	w.cleared = now
	dead := func(id uuid.UUID) bool {
		of, known := w.edges[id]
		return !known || now.Sub(of.until) > clearing // one that was merely late comes back within that
	}
	for user, of := range w.users {
		for id := range of {
			if dead(id) {
				delete(of, id)
			}
		}
		if len(of) == 0 {
			delete(w.users, user)
		}
	}
	for id := range w.edges {
		if dead(id) {
			delete(w.edges, id)
		}
	}
}

// Sight is how a user stands to what happened at a time.
type Sight int

// The sights.
const (
	Away    Sight = iota // no stream is open
	Perhaps              // one is said to be open, and may have ended before
	Saw                  // one was open, or has been opened since and resumes from there
)

// Seen says whether a user has a stream on which it sees, or soon sees, what happened at a time.
func (w *Who) Seen(user uuid.UUID, at time.Time) Sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, sight := w.now(), Away
	for id, since := range w.users[user] {
		of := w.edges[id]
		if !of.until.After(now) {
			continue
		}
		// A stream that was opened later shows what came before. Else: its end would have been told by now, and the edge was alive afterwards.
		if since.After(at) || now.Sub(at) >= Late && of.told.After(at) {
			return Saw
		}
		sight = Perhaps
	}
	return sight
}
