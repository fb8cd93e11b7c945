package stream

import (
	"sync"
	"time"

	"github.com/ism-chat/ism/services/realtime/internal/ring"
)

// queue holds what a stream has been offered and not yet written. It is bounded: what does not fit ends the stream, whose
// client then resumes behind the last event that it has got.
type queue struct {
	conn      conn
	maxEvents int
	maxBytes  int
	more      chan struct{} // has a token while there may be something to take

	mu     sync.Mutex
	frames []ring.Frame
	bytes  int
	closed bool
}

// conn is what a stream needs of its connection.
type conn interface {
	Write(b []byte) (int, error)
	SetWriteDeadline(t time.Time) error
	Close() error
}

func newQueue(cfg Config, conn conn) *queue {
	return &queue{conn: conn, maxEvents: cfg.QueueEvents, maxBytes: cfg.QueueBytes, more: make(chan struct{}, 1)}
}

// Offer is the stream's side of [edge.Subscriber].
func (q *queue) Offer(frame ring.Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if len(q.frames) >= q.maxEvents || q.bytes+len(frame.Text) > q.maxBytes && len(q.frames) > 0 {
		q.close()
		return false
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame.Text)
	q.wake()
	return true
}

// take empties the queue. It reports false where the queue has been closed.
func (q *queue) take() ([]ring.Frame, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames := q.frames
	q.frames, q.bytes = nil, 0
	return frames, !q.closed
}

// abort closes the queue and ends a write under way.
func (q *queue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.close()
}

func (q *queue) close() {
	q.closed = true
	q.frames, q.bytes = nil, 0
	_ = q.conn.SetWriteDeadline(time.Unix(1, 0)) // on a broken connection the write ends anyhow
	q.wake()
}

// allow gives the next write until the deadline. It reports false where the queue has been closed.
func (q *queue) allow(deadline time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	_ = q.conn.SetWriteDeadline(deadline) // on a broken connection the write fails anyhow
	return true
}

func (q *queue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}
