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
	// LastEvent gives the data of the event that says why a stream ends, as [sse.Event] has it. Nil says it to nobody. A drain has none.
	LastEvent func(reason Reason) []byte
}

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
	Buffers  [][]byte      // the bytes, in order; empty where there is nothing to write
	Frames   []sse.Frame   // those that are written with the chunk's last byte; none where the text is the stream's own
	Live     bool          // the frames were offered, not missed
	Deadline time.Duration // for the chunk's last byte
}

// Stream is the state of one event stream. See the package's comment for who may call what. All times are what the layer's clock shows:
// how long it runs, more than 0.
type Stream struct {
	cfg       *Config
	expiresAt time.Duration
	commentAt time.Duration // when the next keep-alive is due; 0 before Open
	last      uint64        // Seq of the newest id that was written
	unsent    *unsent       // nil while the client has everything
	closing   Reason        // why the stream is to end once its last lines are written
	ended     Reason
}

// New makes a stream that ends when its token expires. The configuration is shared, not copied.
func New(cfg *Config, expiresAt time.Duration) Stream {
	return Stream{cfg: cfg, expiresAt: max(1, expiresAt)}
}

// Open begins the stream. Before it nothing is written and nothing is due.
func (s *Stream) Open(now time.Duration, opening Opening) {
	if s.ended != None {
		return
	}
	u := s.waiting()
	u.text = append(sse.AppendRetry(opening.Header, s.cfg.Retry), opening.Text...)
	u.batch = opening.Backlog
	s.last = opening.Seq
	s.commentAt = now + s.cfg.KeepAlive
}

// waiting is what the client does not have.
func (s *Stream) waiting() *unsent {
	if s.unsent == nil {
		s.unsent = &unsent{}
	}
	return s.unsent
}

// Offer adds a frame behind those before it. It reports false where the stream has ended, or ends because its queue is full.
func (s *Stream) Offer(frame sse.Frame) bool {
	if s.ended != None {
		return false
	}
	if !s.waiting().offer(frame, s.cfg) {
		s.End(Slow)
		return false
	}
	return true
}

// Waiting gives how many events and bytes of events wait for the client, those included that are being written.
func (s *Stream) Waiting() (events, bytes int) {
	if s.unsent == nil {
		return 0, 0
	}
	return s.unsent.size()
}

// Due is when [Stream.Tick] is to be called next. It is 0 if nothing is due by time.
func (s *Stream) Due() time.Duration {
	var deadline time.Duration
	if s.unsent != nil {
		deadline = s.unsent.deadline
	}
	if s.ended != None || s.closing != None || s.commentAt == 0 {
		return deadline
	}
	due := min(s.commentAt, s.expiresAt)
	if deadline != 0 {
		due = min(due, deadline)
	}
	return due
}

// Tick does what is due at the time. Everything up to the position must have been offered.
func (s *Stream) Tick(now time.Duration, position sse.Position) {
	switch {
	case s.ended != None:
	case s.unsent != nil && s.unsent.deadline != 0 && now >= s.unsent.deadline:
		s.End(Slow)
	case s.closing != None || s.commentAt == 0:
	case now >= s.expiresAt:
		s.closing = Expired
		s.waiting().setNotice(ending, position)
	case now >= s.commentAt:
		s.commentAt = now + s.cfg.KeepAlive - (now-s.commentAt)%s.cfg.KeepAlive
		if u := s.waiting(); u.notice == noNotice {
			u.setNotice(keepAlive, position)
		}
	}
}

// Close ends the stream with what it has been offered, with the event that says why, and, unless that is 0, with the time after which the
// client is to come back. Everything up to the position must have been offered. It reports false where the stream ends for another reason:
// it has ended, has been told to before, or is writing its last lines.
func (s *Stream) Close(reason Reason, retry time.Duration, position sse.Position) bool {
	if s.ended != None || s.closing.told() || s.closing != None && (s.unsent == nil || s.unsent.notice == noNotice) {
		return false
	}
	s.closing = reason
	u := s.waiting()
	u.retry = retry
	u.setNotice(ending, position)
	return true
}

// Closing reports whether the stream has ended or is about to.
func (s *Stream) Closing() bool { return s.ended != None || s.closing != None }

// End ends the stream at once.
func (s *Stream) End(reason Reason) {
	if s.ended != None {
		return
	}
	if s.closing.told() {
		reason = s.closing
	}
	*s = Stream{cfg: s.cfg, last: s.last, ended: reason}
}

// Ended is why the stream has ended.
func (s *Stream) Ended() Reason { return s.ended }

// Next gives what is to be written next, its buffers appended to dst: the rest of the chunk under way, or a new one. It gives the same again
// until [Stream.Wrote] is called.
func (s *Stream) Next(now time.Duration, dst [][]byte) Chunk {
	if s.ended != None || s.commentAt == 0 || !s.begin(now) {
		return Chunk{}
	}
	return s.unsent.chunk(dst)
}

// begin begins a chunk where none is under way. It reports false where there is nothing to write.
func (s *Stream) begin(now time.Duration) bool {
	if s.unsent != nil && s.unsent.deadline != 0 {
		return true
	}
	if s.unsent == nil || s.unsent.written() {
		s.refill()
	}
	if s.unsent == nil {
		return false
	}
	s.unsent.begin(now + s.cfg.WriteTimeout)
	return true
}

// refill makes the queue the next batch or, once everything before the notice is written, the notice the next text. A stream that is
// closing ends once its notice is written.
func (s *Stream) refill() {
	u := s.unsent
	switch {
	case s.closing != None && (u == nil || u.notice == noNotice):
		s.End(s.closing)
		return
	case u == nil:
		return
	}
	u.take()
	if len(u.batch) > 0 || u.notice == noNotice {
		return
	}
	u.text = s.noticeText(u)
	u.notice, u.queueTaken = noNotice, false
	if len(u.text) == 0 {
		s.End(s.closing)
	}
}

// noticeText includes the position if it is newer than the client's last id. So a client to whom nothing has happened for long resumes
// from a position that is still kept.
func (s *Stream) noticeText(u *unsent) []byte {
	var lines []byte
	if u.notice == keepAlive {
		lines = sse.AppendComment(lines)
	}
	if u.retry > 0 {
		lines = sse.AppendRetry(lines, u.retry)
	}
	if u.position.Seq > s.last {
		lines = append(lines, u.position.ID...)
		s.last = u.position.Seq
	}
	if u.notice == ending && s.closing != Drained && s.cfg.LastEvent != nil {
		if event := s.cfg.LastEvent(s.closing); event != nil {
			return append(lines, event...)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return sse.AppendEnd(lines)
}

// Wrote says that so many bytes more of the chunk are written, and with which error. It reports whether that was all of it.
func (s *Stream) Wrote(n int, err error) bool {
	switch {
	case s.ended != None:
		return false
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.End(Slow)
		return false
	case err != nil:
		s.End(Gone)
		return false
	}
	newest, done := s.unsent.wrote(n)
	if !done {
		return false
	}
	s.last = max(s.last, newest)
	if s.unsent.empty() {
		s.unsent = nil
	}
	return true
}
