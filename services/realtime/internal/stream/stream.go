package stream

import (
	"errors"
	"os"
	"time"

	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Config says how streams behave.
type Config struct {
	KeepAlive    time.Duration // between comments
	WriteTimeout time.Duration // of one chunk
	Retry        time.Duration // how long clients wait before they reconnect
	QueueEvents  int           // most events that wait for a client
	QueueBytes   int           // most bytes that wait for a client, more only for a single event
}

// Reason is why a stream ended; "" while it has not.
type Reason string

// Why a stream ended.
const (
	Slow    Reason = "slow"    // the client did not keep up: its queue was full, or a write took too long
	Gone    Reason = "gone"    // the connection broke
	Expired Reason = "expired" // the token's time was over
	Drained Reason = "drained" // this process stops
)

const (
	// maxChunkBytes bounds what is written with one deadline.
	maxChunkBytes = 64 << 10
	// maxChunkFrames is what one writev takes, of two buffers each: Linux's IOV_MAX is 1024.
	maxChunkFrames = 512
)

// Opening is what a stream begins with.
type Opening struct {
	Header  []byte      // of the HTTP response
	Text    []byte      // the id, or a Resync event with it
	Seq     uint64      // of the position in Text, 0 where that is the client's own
	Backlog []sse.Frame // what a client that resumes has missed
}

// Chunk is what is to be written next.
type Chunk struct {
	Buffers  [][]byte    // the bytes, in order; empty where there is nothing to write
	Frames   []sse.Frame // those that are written with the chunk's last byte; none where the text is the stream's own
	Live     bool        // the frames were offered, not missed
	Deadline time.Time   // for the chunk's last byte
}

// notice is what is written behind everything that was offered before it.
type notice uint8

const (
	noNotice  notice = iota
	keepAlive        // a comment
	expiry           // only the position; then the stream ends
	drain            // the time after which the client is to come back; then the stream ends
)

// Stream is the state of one event stream. See the package's comment for who may call what.
type Stream struct {
	cfg       *Config
	expiresAt time.Time
	commentAt time.Time // when the next keep-alive is due; zero before Open

	text       []byte
	batch      []sse.Frame
	live       bool // the batch was offered, not missed
	queue      []sse.Frame
	queueBytes int

	notice     notice
	queueTaken bool // what was offered before the notice is no longer in the queue
	position   sse.Position
	retry      time.Duration

	deadline    time.Time // of the chunk under way; zero where there is none
	chunkFrames int       // of the chunk under way, the first of the batch
	remaining   int       // bytes of the chunk under way
	sent        int       // bytes of the chunk under way

	last    uint64 // Seq of the newest id that was written
	closing Reason // Expired or Drained as soon as the stream is to end for that
	ended   Reason
}

// New makes a stream that ends when its token expires. The configuration is shared, not copied.
func New(cfg *Config, expiresAt time.Time) *Stream { return &Stream{cfg: cfg, expiresAt: expiresAt} }

// Open begins the stream. Before it nothing is written and nothing is due.
func (s *Stream) Open(now time.Time, opening Opening) {
	if s.ended != "" {
		return
	}
	s.text = append(sse.AppendRetry(opening.Header, s.cfg.Retry), opening.Text...)
	s.batch = opening.Backlog
	s.last = opening.Seq
	s.commentAt = now.Add(s.cfg.KeepAlive)
	s.expiresAt = now.Add(s.expiresAt.Sub(now)) // on the monotonic clock: the machine's may be set
}

// Offer adds a frame behind those before it. It reports false where the stream has ended, or ends because its queue is full.
func (s *Stream) Offer(frame sse.Frame) bool {
	if s.ended != "" {
		return false
	}
	size := frame.Size()
	if len(s.queue) >= s.cfg.QueueEvents || s.queueBytes+size > s.cfg.QueueBytes && len(s.queue) > 0 {
		s.End(Slow)
		return false
	}
	s.queue = append(s.queue, frame)
	s.queueBytes += size
	return true
}

// Due is when [Stream.Tick] is to be called next. It is zero if nothing is due by time.
func (s *Stream) Due() time.Time {
	if s.ended != "" || s.closing != "" || s.commentAt.IsZero() {
		return s.deadline
	}
	due := earlier(s.commentAt, s.expiresAt)
	if !s.deadline.IsZero() {
		due = earlier(due, s.deadline)
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Tick does what is due at the time. Everything up to the position must have been offered.
func (s *Stream) Tick(now time.Time, position sse.Position) {
	switch {
	case s.ended != "":
	case !s.deadline.IsZero() && !now.Before(s.deadline):
		s.End(Slow)
	case s.closing != "" || s.commentAt.IsZero():
	case !now.Before(s.expiresAt):
		s.closing = Expired
		s.setNotice(expiry, position)
	case !now.Before(s.commentAt):
		s.commentAt = now.Add(s.cfg.KeepAlive - now.Sub(s.commentAt)%s.cfg.KeepAlive)
		if s.notice == noNotice {
			s.setNotice(keepAlive, position)
		}
	}
}

// Drain ends the stream with what it has been offered and the time after which the client is to come back. Everything up to the
// position must have been offered.
func (s *Stream) Drain(retry time.Duration, position sse.Position) {
	if s.ended != "" || s.closing == Drained {
		return
	}
	s.closing = Drained
	s.retry = retry
	s.setNotice(drain, position)
}

// setNotice replaces a notice that has not been written: the queue must be emptied anew, since the position is a newer one.
func (s *Stream) setNotice(notice notice, position sse.Position) {
	s.notice, s.position, s.queueTaken = notice, position, false
}

// End ends the stream at once.
func (s *Stream) End(reason Reason) {
	if s.ended != "" {
		return
	}
	if s.closing == Drained {
		reason = Drained
	}
	*s = Stream{cfg: s.cfg, last: s.last, ended: reason}
}

// Ended is why the stream has ended, "" while it has not.
func (s *Stream) Ended() Reason { return s.ended }

// Next gives what is to be written next, its buffers appended to dst: the rest of the chunk under way, or a new one. It gives the same again
// until [Stream.Wrote] is called.
func (s *Stream) Next(now time.Time, dst [][]byte) Chunk {
	if s.deadline.IsZero() && !s.begin(now) {
		return Chunk{}
	}
	chunk := Chunk{Buffers: dst, Frames: s.batch[:s.chunkFrames], Live: s.live, Deadline: s.deadline}
	if len(s.text) > 0 {
		chunk.Buffers = append(chunk.Buffers, s.text[s.sent:])
		return chunk
	}
	skip := s.sent
	for _, frame := range chunk.Frames {
		for _, part := range [...][]byte{frame.ID, frame.Event.Data} {
			if skip >= len(part) {
				skip -= len(part)
				continue
			}
			chunk.Buffers = append(chunk.Buffers, part[skip:])
			skip = 0
		}
	}
	return chunk
}

// begin begins a chunk. It reports false where there is nothing to write.
func (s *Stream) begin(now time.Time) bool {
	if s.ended != "" || s.commentAt.IsZero() {
		return false
	}
	if len(s.text) == 0 && len(s.batch) == 0 {
		s.refill()
	}
	if s.remaining = len(s.text); s.remaining == 0 {
		for s.chunkFrames < min(len(s.batch), maxChunkFrames) {
			size := s.batch[s.chunkFrames].Size()
			if s.chunkFrames > 0 && s.remaining+size > maxChunkBytes {
				break
			}
			s.remaining += size
			s.chunkFrames++
		}
	}
	if s.remaining == 0 {
		return false
	}
	s.deadline = now.Add(s.cfg.WriteTimeout)
	return true
}

// refill makes the queue the next batch or, once everything before the notice is written, the notice the next text. A stream that is
// closing ends once its notice is written.
func (s *Stream) refill() {
	if s.closing != "" && s.notice == noNotice {
		s.End(s.closing)
		return
	}
	if !s.queueTaken {
		s.batch, s.queue, s.queueBytes, s.live = s.queue, nil, 0, true
		s.queueTaken = s.notice != noNotice
	}
	if len(s.batch) > 0 || s.notice == noNotice {
		return
	}
	s.text = s.noticeText()
	s.notice, s.queueTaken = noNotice, false
	if len(s.text) == 0 {
		s.End(s.closing)
	}
}

// noticeText includes the position if it is newer than the client's last id. So a client to whom nothing has happened for long resumes
// from a position that is still kept.
func (s *Stream) noticeText() []byte {
	var lines []byte
	switch s.notice {
	case keepAlive:
		lines = sse.AppendComment(lines)
	case drain:
		lines = sse.AppendRetry(lines, s.retry)
	case expiry, noNotice:
	}
	if s.position.Seq > s.last {
		lines = append(lines, s.position.ID...)
		s.last = s.position.Seq
	}
	if len(lines) == 0 {
		return nil
	}
	return sse.AppendEnd(lines)
}

// Wrote says that so many bytes more of the chunk are written, and with which error. It reports whether that was all of it.
func (s *Stream) Wrote(n int, err error) bool {
	switch {
	case s.ended != "":
		return false
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.End(Slow)
		return false
	case err != nil:
		s.End(Gone)
		return false
	}
	s.sent, s.remaining = s.sent+n, s.remaining-n
	if s.remaining > 0 {
		return false
	}
	if s.chunkFrames > 0 {
		s.last = max(s.last, s.batch[s.chunkFrames-1].Seq)
	}
	s.text, s.batch = nil, s.batch[s.chunkFrames:]
	if len(s.batch) == 0 {
		s.batch = nil
	}
	s.deadline, s.chunkFrames, s.sent = time.Time{}, 0, 0
	return true
}
