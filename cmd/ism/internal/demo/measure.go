package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// measured is a message that was sent to be measured.
type measured struct {
	id           uuid.UUID
	start, acked time.Time
	err          error // why it was not acknowledged
}

// measure sends messages at a fixed rate, however long each takes, and prints how long they took to be acknowledged and to
// stand on the other user's stream. It waits for all that were acknowledged.
func (d *demo) measure(ctx context.Context, from, to *user, room uuid.UUID) error {
	d.screen.line(fmt.Sprintf("Measuring %d messages at %d a second …", d.messages, d.rate))
	arrived := &arrivals{at: map[uuid.UUID]time.Time{}, changed: make(chan struct{}, 1)}
	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { arrived.read(func() (wire.Message, error) { return d.next(reading, to) }) })
	sent := d.sendAll(ctx, from, room)
	acknowledged, refused := split(sent)
	err := d.awaitAll(ctx, arrived, acknowledged)
	stop()
	reader.Wait()
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	if len(acknowledged) == 0 {
		return fmt.Errorf("measure: no message was acknowledged: %w", refused[0].err)
	}
	d.print(arrived, acknowledged)
	if len(refused) > 0 {
		d.screen.line(fmt.Sprintf("%d messages were not acknowledged, the first of them because of: %v", len(refused), refused[0].err))
	}
	d.screen.line(fmt.Sprintf("%d messages acknowledged, each delivered once.", len(acknowledged)))
	return nil
}

// sendAll gives what became of each message, once it is known of all.
func (d *demo) sendAll(ctx context.Context, from *user, room uuid.UUID) []measured {
	var (
		sending sync.WaitGroup
		mu      sync.Mutex
		open    = d.messages
		sent    = make([]measured, d.messages)
	)
	tick := time.NewTicker(time.Second / time.Duration(d.rate))
	defer tick.Stop()
	for i := range sent {
		sending.Go(func() {
			sent[i] = d.sendOne(ctx, from, room, fmt.Sprintf("measured %d", i+1))
			mu.Lock()
			defer mu.Unlock()
			open--
		})
		select {
		case <-tick.C:
		case <-ctx.Done(): // what is sent now fails at once
		}
	}
	defer d.tell(ctx, func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%d of %d answers", open, d.messages)
	})()
	sending.Wait()
	return sent
}

// sendOne sends a message, again only where it has certainly not been written.
func (d *demo) sendOne(ctx context.Context, from *user, room uuid.UUID, line string) measured {
	one := measured{start: time.Now()}
	for {
		message, err := from.client.SendText(ctx, room, line)
		one.id, one.acked, one.err = message.ID, time.Now(), err
		wait, later := comeBack(err)
		if err == nil || !later || !certainlyNot(err) || d.pause(ctx, wait) != nil {
			return one
		}
	}
}

func split(sent []measured) (acknowledged, refused []measured) {
	for _, one := range sent {
		if one.err == nil {
			acknowledged = append(acknowledged, one)
		} else {
			refused = append(refused, one)
		}
	}
	return acknowledged, refused
}

// arrivals are the messages that have come on a stream.
type arrivals struct {
	changed chan struct{} // has a token when something is new

	mu  sync.Mutex
	at  map[uuid.UUID]time.Time
	err error // why no more are read
}

// read takes messages until there are no more.
func (a *arrivals) read(next func() (wire.Message, error)) {
	for a.take(next()) {
	}
}

func (a *arrivals) take(message wire.Message, err error) (more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, again := a.at[message.ID]; again && err == nil {
		err = fmt.Errorf("message %s was delivered twice", message.ID)
	}
	if a.err = err; err == nil {
		a.at[message.ID] = time.Now()
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
	return err == nil
}

// missing is how many of the messages have not come, and why no more do; nil: more may.
func (a *arrivals) missing(of []measured) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := 0
	for _, one := range of {
		if _, ok := a.at[one.id]; !ok {
			missing++
		}
	}
	return missing, a.err
}

// awaitAll waits until all messages have come.
func (d *demo) awaitAll(ctx context.Context, arrived *arrivals, acknowledged []measured) error {
	defer d.tell(ctx, func() string {
		missing, _ := arrived.missing(acknowledged)
		return fmt.Sprintf("%d of %d messages", missing, len(acknowledged))
	})()
	for {
		missing, err := arrived.missing(acknowledged)
		if err == nil && missing == 0 {
			return nil
		}
		if err == nil {
			select {
			case <-arrived.changed:
				continue
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
		return fmt.Errorf("%d of %d acknowledged messages were delivered: %w", len(acknowledged)-missing, len(acknowledged), err)
	}
}

// print prints how long it took.
func (d *demo) print(arrived *arrivals, acknowledged []measured) {
	var acks, deliveries []time.Duration
	for _, one := range acknowledged {
		acks, deliveries = append(acks, one.acked.Sub(one.start)), append(deliveries, arrived.at[one.id].Sub(one.start))
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
}

// percentile of sorted times, by nearest rank.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
