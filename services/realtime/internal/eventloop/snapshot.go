package eventloop

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// shown is how many streams a snapshot names at most, of each kind.
const shown = 10

// Snapshot is what the server carries at a moment.
type Snapshot struct {
	Streams     int           `json:"streams"`
	Users       int           `json:"users"`
	MaxStreams  int           `json:"maxStreams"`
	Loops       []Loop        `json:"loops,omitempty"` // none where each stream has goroutines of its own
	QueueEvents int           `json:"queueEvents"`
	QueueBytes  int           `json:"queueBytes"`
	Oldest      []StreamState `json:"oldest"`  // the oldest first
	Slowest     []StreamState `json:"slowest"` // for which most bytes wait, the most first; none where nothing waits
}

// Loop is what an event loop carries.
type Loop struct {
	Streams int `json:"streams"`
}

// StreamState is one stream.
type StreamState struct {
	User        uuid.UUID `json:"user"`
	AgeSeconds  float64   `json:"ageSeconds"`
	QueueEvents int       `json:"queueEvents"`
	QueueBytes  int       `json:"queueBytes"`
}

// Snapshot looks at all streams.
func (s *Server) Snapshot() Snapshot {
	all := s.registry.each()
	now := s.clock.now()
	snapshot := Snapshot{Streams: len(all), MaxStreams: s.cfg.MaxStreams, Loops: s.transport.loops()}
	states := make([]StreamState, 0, len(all))
	users := map[uuid.UUID]struct{}{}
	for _, c := range all {
		events, bytes := c.waiting()
		snapshot.QueueEvents += events
		snapshot.QueueBytes += bytes
		users[c.user] = struct{}{}
		states = append(states, StreamState{User: c.user, AgeSeconds: (now - c.openedAt).Truncate(time.Millisecond).Seconds(), QueueEvents: events, QueueBytes: bytes})
	}
	snapshot.Users = len(users)
	snapshot.Oldest = first(states, func(a, b StreamState) int { return cmp.Compare(b.AgeSeconds, a.AgeSeconds) })
	waiting := slices.DeleteFunc(states, func(s StreamState) bool { return s.QueueBytes == 0 })
	snapshot.Slowest = first(waiting, func(a, b StreamState) int { return cmp.Compare(b.QueueBytes, a.QueueBytes) })
	return snapshot
}

// first gives the first ones in an order.
func first(states []StreamState, order func(a, b StreamState) int) []StreamState {
	slices.SortStableFunc(states, order)
	return slices.Clone(states[:min(shown, len(states))])
}

// waiting is what waits for the client.
func (c *connection) waiting() (events, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream.Waiting()
}
