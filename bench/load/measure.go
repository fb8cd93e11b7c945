package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	sendTimeout = 10 * time.Second // from the appointed time
	digits      = 8                // of a message's number in its text
)

// measurement is one load at one rate.
type measurement struct {
	mark      []byte // what the texts of its messages begin with
	begin     time.Time
	interval  time.Duration
	warm      int             // the first messages, which are not counted
	messages  int             // all of them
	acks      []time.Duration // by message; 0: not acknowledged
	delivered atomic.Int64    // also of the first messages

	mu       sync.Mutex
	failures map[string]int
	last     time.Time // of the answers
}

// Measure sends at a rate, messages a second, for the time of warming up and then for the duration, which is counted. A send that has no
// answer 10 s after its appointed time has failed.
func (s *Session) Measure(ctx context.Context, rate int, warmUp, duration time.Duration) (Result, error) {
	if rate < 1 {
		return Result{}, errors.New("measure: at least one message a second is needed")
	}
	warm, counted := int(warmUp.Seconds()*float64(rate)), int(duration.Seconds()*float64(rate))
	m := &measurement{
		mark:     []byte("load-" + uuid.NewString()[:8] + "-"),
		interval: time.Second / time.Duration(rate), warm: warm, messages: warm + counted,
		acks: make([]time.Duration, warm+counted), failures: map[string]int{},
		begin: time.Now(),
	}
	for _, p := range s.participants {
		p.stream.begin(m)
	}
	if err := s.send(ctx, m); err != nil {
		return Result{}, err
	}
	acknowledged := 0
	for _, took := range m.acks {
		if took > 0 {
			acknowledged++
		}
	}
	if acknowledged == 0 {
		return Result{}, fmt.Errorf("measure: no message was acknowledged: %v", m.failures)
	}
	if err := m.await(ctx, int64(acknowledged*s.options.RoomSize)); err != nil {
		return Result{}, err
	}
	return s.result(m, rate, duration), nil
}

func (s *Session) send(ctx context.Context, m *measurement) error {
	var sends sync.WaitGroup
	defer sends.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for number := range m.messages {
		timer.Reset(time.Until(m.due(number)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("measure: %w", ctx.Err())
		}
		// Neighbours are in different rooms, as people who write at the same time mostly are.
		rooms := len(s.participants) / s.options.RoomSize
		from := s.participants[number%rooms*s.options.RoomSize+number/rooms%s.options.RoomSize]
		sends.Go(func() {
			due := m.due(number)
			status, err := s.connections.send(ctx, from.head, from.room, m.text(number), due.Add(sendTimeout))
			m.answered(number, time.Since(due), status, err)
		})
	}
	return nil
}

func (m *measurement) due(number int) time.Time {
	return m.begin.Add(time.Duration(number) * m.interval)
}

func (m *measurement) text(number int) string { return fmt.Sprintf("%s%0*d", m.mark, digits, number) }

// number is that of the message whose text goes on like this behind the mark.
func (m *measurement) number(text []byte) (number int, ok bool) {
	if len(text) < digits {
		return 0, false
	}
	for _, digit := range text[:digits] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		number = number*10 + int(digit-'0')
	}
	return number, number < m.messages
}

func (m *measurement) answered(number int, took time.Duration, status int, err error) {
	if err == nil && status/100 == http.StatusOK/100 {
		m.acks[number] = took
	}
	if number < m.warm {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = time.Now()
	if m.acks[number] == 0 {
		m.failures[failure(status, err)]++
	}
}

// await waits for the deliveries of what was acknowledged.
func (m *measurement) await(ctx context.Context, expected int64) error {
	deadline := time.NewTimer(deliveryTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for m.delivered.Load() < expected {
		select {
		case <-poll.C:
		case <-deadline.C:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("measure: %w", ctx.Err())
		}
	}
	return nil
}

func (s *Session) result(m *measurement, rate int, duration time.Duration) Result {
	r := Result{
		BaseURL: s.options.BaseURL, Rate: rate, Users: len(s.participants), RoomSize: s.options.RoomSize, Duration: duration,
		Sent: m.messages - m.warm, Failures: m.failures,
	}
	var (
		acks, deliveries []time.Duration
		expected         []delivery
	)
	for _, took := range m.acks[m.warm:] {
		if took > 0 {
			acks = append(acks, took)
		}
	}
	for _, p := range s.participants {
		all, repeated := p.stream.end()
		r.Repeated += repeated
		for _, d := range all {
			// A send without an acknowledgement may have been written all the same: its deliveries are not expected.
			if int(d.message) >= m.warm && m.acks[d.message] > 0 {
				deliveries, expected = append(deliveries, d.took), append(expected, d)
			}
		}
	}
	r.Failed = r.Sent - len(acks)
	r.Sustained = float64(len(acks)) / m.last.Sub(m.due(m.warm)).Seconds()
	r.Expected, r.Delivered = len(acks)*s.options.RoomSize, len(deliveries)
	r.Ack, r.Delivery = quantiles(acks), quantiles(deliveries)
	r.Seconds = m.bySecond(expected)
	return r
}
