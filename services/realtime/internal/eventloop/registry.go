package eventloop

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// replacedRetry is how long a client is to wait whose stream was ended for another of its user: browsers come back by themselves.
const replacedRetry = 30 * time.Second

// registry knows the streams, from their requests' admission to their end, and bounds how many there are.
type registry struct {
	maxStreams, maxPerUser int
	source                 Source
	metrics                *metrics

	mu       sync.Mutex
	newest   map[uuid.UUID]*connection // of each user; the others are behind it
	open     int
	draining bool
	empty    chan struct{} // closed once it is draining and has no streams
}

func newRegistry(cfg Config, source Source, m *metrics) *registry {
	return &registry{
		maxStreams: cfg.MaxStreams, maxPerUser: cfg.MaxPerUser, source: source, metrics: m,
		newest: map[uuid.UUID]*connection{}, empty: make(chan struct{}),
	}
}

// admit takes a stream in. Where its user has too many, the oldest ends. Errors are problems: draining, too-many-streams.
func (r *registry) admit(c *connection) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining:
		return httpapi.Unavailable("draining", "Stopping", "this node is stopping", nil)
	case r.open >= r.maxStreams:
		r.metrics.refused.WithLabelValues("process").Inc()
		return httpapi.Unavailable("too-many-streams", "Too many streams", "this node has no place for another stream", nil)
	}
	r.makeRoom(c.user)
	c.older = r.newest[c.user]
	r.newest[c.user] = c
	r.open++
	return nil
}

// makeRoom ends the user's oldest stream where there may be no more of them. Streams that are about to end count until their last lines
// are written, but not for ever: as many of them again are cut.
func (r *registry) makeRoom(user uuid.UUID) {
	live, closing := 0, 0
	var oldestLive, oldestClosing *connection
	for c := r.newest[user]; c != nil; c = c.older {
		switch isClosing, ended := c.state(); {
		case ended: // its carrier is about to let go of it
		case isClosing:
			closing, oldestClosing = closing+1, c
		default:
			live, oldestLive = live+1, c
		}
	}
	if closing >= r.maxPerUser {
		oldestClosing.end(stream.Replaced)
	}
	if live >= r.maxPerUser {
		oldestLive.close(stream.Replaced, replacedRetry, r.source.Position())
	}
}

// release lets go of a stream.
func (r *registry) release(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if newest := r.newest[c.user]; newest != c {
		for newer := newest; newer != nil; newer = newer.older {
			if newer.older == c {
				newer.older = c.older
				break
			}
		}
	} else if c.older != nil {
		r.newest[c.user] = c.older
	} else {
		delete(r.newest, c.user)
	}
	c.older = nil
	if r.open--; r.open == 0 && r.draining {
		close(r.empty)
	}
}

// drain lets no more streams in, and gives those that there are.
func (r *registry) drain() []*connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining {
		r.draining = true
		if r.open == 0 {
			close(r.empty)
		}
	}
	return r.all()
}

// all gives the streams. The caller holds the lock.
func (r *registry) all() []*connection {
	all := make([]*connection, 0, r.open)
	for _, c := range r.newest {
		for ; c != nil; c = c.older {
			all = append(all, c)
		}
	}
	return all
}

// each gives the streams at this moment.
func (r *registry) each() []*connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all()
}

// of gives the user's streams at this moment.
func (r *registry) of(user uuid.UUID) []*connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*connection
	for c := r.newest[user]; c != nil; c = c.older {
		all = append(all, c)
	}
	return all
}

// saturation is how many streams there are and may be.
func (r *registry) saturation() (used, limit float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return float64(r.open), float64(r.maxStreams)
}
