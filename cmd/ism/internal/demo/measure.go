package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// measure sends messages at a fixed rate, however long each takes, and prints how long they took to be acknowledged and to
// stand on the other user's stream.
func (d *demo) measure(ctx context.Context, from, to *user, room uuid.UUID) error {
	d.screen.line(fmt.Sprintf("Measuring %d messages at %d a second …", d.messages, d.rate))
	type sent struct {
		id           uuid.UUID
		start, acked time.Time
		err          error
	}
	results := make([]sent, d.messages)
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(d.rate))
		defer tick.Stop()
		for i := range results {
			sending.Go(func() {
				start := time.Now()
				message, err := d.send(ctx, from, room, fmt.Sprintf("measured %d", i+1))
				results[i] = sent{id: message.ID, start: start, acked: time.Now(), err: err}
			})
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	delivered := make(map[uuid.UUID]time.Time, d.messages)
	var readErr error
	for len(delivered) < d.messages && readErr == nil {
		message, err := nextMessage(to.stream)
		if err != nil {
			readErr = err
			break
		}
		if _, again := delivered[message.ID]; again {
			readErr = fmt.Errorf("message %s was delivered twice", message.ID)
		}
		delivered[message.ID] = time.Now()
	}
	sending.Wait()
	if err := errors.Join(readErr, ctx.Err()); err != nil {
		return fmt.Errorf("measure: %d of %d delivered: %w", len(delivered), d.messages, err)
	}
	acks, deliveries := make([]time.Duration, 0, d.messages), make([]time.Duration, 0, d.messages)
	for _, s := range results {
		if s.err != nil {
			return fmt.Errorf("measure: %w", s.err)
		}
		at, ok := delivered[s.id]
		if !ok {
			return fmt.Errorf("message %s was acknowledged and not delivered", s.id)
		}
		acks, deliveries = append(acks, s.acked.Sub(s.start)), append(deliveries, at.Sub(s.start))
	}
	d.screen.line(fmt.Sprintf("%-16s %10s %10s %10s", "", "p50", "p99", "max"))
	for _, row := range []struct {
		name  string
		times []time.Duration
	}{{"send → ack", acks}, {"send → deliver", deliveries}} {
		slices.Sort(row.times)
		d.screen.line(fmt.Sprintf("%-16s %10s %10s %10s", row.name,
			milliseconds(percentile(row.times, 50)), milliseconds(percentile(row.times, 99)), milliseconds(row.times[len(row.times)-1])))
	}
	d.screen.line(fmt.Sprintf("%d messages acknowledged, each delivered once.", d.messages))
	return nil
}

// percentile of sorted times, by nearest rank.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
