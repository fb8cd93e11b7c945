package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lineSize = 16 << 10        // bytes of a stream's line that are looked at; the load's messages are far shorter
	chat     = `"ChatMessage"` // what the line of a message's event has, and that of an event which only repeats its text has not
)

// listener reads one user's stream.
type listener struct {
	body   io.ReadCloser
	cancel context.CancelFunc
	counts atomic.Pointer[measurement] // what deliveries count for; nil: nothing

	mu         sync.Mutex
	deliveries []delivery
	seen       []uint64 // a bit for each message of the measurement
	repeated   int
}

// delivery is a message on a user's stream.
type delivery struct {
	message int32 // its number in the measurement
	took    time.Duration
}

// listen opens the user's stream and reads it until the session is closed. It returns once the server has sent its first line, from where
// on nothing is missed.
func (s *Session) listen(ctx context.Context, p *participant) error {
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, cancel)() // only while it is being opened
	request, err := http.NewRequestWithContext(streaming, http.MethodGet, s.connections.base+"/api/sse", nil)
	if err != nil {
		cancel()
		return fmt.Errorf("open a stream: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	request.Header.Set("Accept", "text/event-stream")
	response, err := s.http.Do(request)
	if err != nil {
		cancel()
		return fmt.Errorf("open a stream: %w", err)
	}
	l := &listener{body: response.Body, cancel: cancel}
	lines := bufio.NewReaderSize(response.Body, lineSize)
	if _, err := lines.Peek(1); err != nil || response.StatusCode != http.StatusOK {
		l.close()
		return errors.Join(fmt.Errorf("open a stream: status %d", response.StatusCode), err)
	}
	p.stream = l
	s.readers.Go(func() { l.read(lines) })
	return nil
}

func (l *listener) close() {
	l.cancel()
	_ = l.body.Close()
}

func (l *listener) read(lines *bufio.Reader) {
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
		counts := l.counts.Load()
		if counts == nil || !bytes.HasPrefix(line, []byte("data:")) {
			continue
		}
		at := bytes.Index(line, counts.mark)
		if at < 0 || !bytes.Contains(line, []byte(chat)) {
			continue
		}
		if number, ok := counts.number(line[at+len(counts.mark):]); ok {
			l.deliver(counts, number, time.Since(counts.due(number)))
		}
	}
}

func (l *listener) deliver(m *measurement, number int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts.Load() != m {
		return // it has ended meanwhile
	}
	word, bit := number/64, uint64(1)<<(number%64)
	if l.seen[word]&bit != 0 {
		l.repeated++
		return
	}
	l.seen[word] |= bit
	l.deliveries = append(l.deliveries, delivery{message: int32(number), took: took})
	m.delivered.Add(1)
}

// begin makes the listener's deliveries count for a measurement.
func (l *listener) begin(m *measurement) {
	l.mu.Lock()
	l.deliveries, l.seen, l.repeated = nil, make([]uint64, (m.messages+63)/64), 0
	l.counts.Store(m)
	l.mu.Unlock()
}

// end gives what has been counted.
func (l *listener) end() (deliveries []delivery, repeated int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Store(nil)
	return l.deliveries, l.repeated
}
