// Package outbox brings the rows of the store's outbox to the log.
//
// # Invariants
//
//   - One relay leads at a time; the store says which.
//   - The leader reads the oldest rows, writes them to the log in their order, deletes them, and begins again. It remembers
//     nothing in between, so a row whose transaction commits late is simply there at the next read.
//   - A row is deleted only after the log has acknowledged it. Between the two anything may die: then the row is written
//     again, with the same event id.
//   - Notifications only save waiting. Without any, rows are found by polling.
package outbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Outbox is the part of the store that the relay works on.
type Outbox interface {
	Lead(ctx context.Context) (store.Lead, error)
	Pending(ctx context.Context, row int64) (bool, error)
}

// Log is where the rows go.
type Log interface {
	ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error)
}

const (
	batchSize    = 500 // rows
	mostCounted  = 10_000
	poll         = time.Second
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
	// othersLead is how long this process waits for the lead until the rows that it could not relay are another's concern.
	othersLead = 5 * time.Second
)

// Relay brings rows to the log while it leads.
type Relay struct {
	outbox  Outbox
	tel     *telemetry.Telemetry
	waiting waiting
	oldest  atomic.Int64 // microseconds since 1970 of the oldest row that this process has read and not relayed, 0: none
	rows    atomic.Int64 // that this process has found and not relayed
	relayed prometheus.Counter
	failed  prometheus.Counter
	leading prometheus.Gauge
}

// New makes a relay.
func New(outbox Outbox, tel *telemetry.Telemetry) *Relay {
	r := &Relay{
		outbox: outbox,
		tel:    tel,
		relayed: telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_rooms_outbox_relayed_total", Help: "Rows of the outbox that the log has acknowledged.",
		})),
		failed: telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_rooms_outbox_failures_total", Help: "Rounds of the relay that failed; its rows are tried again.",
		})),
		leading: telemetry.Register(tel.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_rooms_outbox_leading", Help: "1 where this process has the lead of the relay. The sum over all must be 1.",
		})),
	}
	telemetry.Register(tel.Metrics, prometheus.Collector(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ism_rooms_outbox_oldest_seconds", Help: "Age of the oldest row that the relay of this process has not brought to the log.",
	}, r.age)))
	telemetry.Register(tel.Metrics, prometheus.Collector(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ism_rooms_outbox_rows", Help: "Rows that the relay of this process has not brought to the log; 10,000 stands for more, too.",
	}, func() float64 { return float64(r.rows.Load()) })))
	return r
}

// wait notes what waits, for the metrics. Without rows nothing does.
func (r *Relay) wait(rows int, oldest time.Time) {
	r.rows.Store(int64(rows))
	if rows == 0 {
		r.oldest.Store(0)
		return
	}
	r.oldest.Store(oldest.UnixMicro())
}

func (r *Relay) age() float64 {
	oldest := r.oldest.Load()
	if oldest == 0 {
		return 0
	}
	return time.Since(time.UnixMicro(oldest)).Seconds()
}

// Run relays to the log until ctx is done. It outlives every fault of the store and of the log.
func (r *Relay) Run(ctx context.Context, log Log) {
	for delay := firstBackoff; ; delay = min(2*delay, maxBackoff) {
		worked, err := r.turn(ctx, log)
		if ctx.Err() != nil {
			return
		}
		r.failed.Inc()
		r.tel.Log.WarnContext(ctx, "the outbox is not being relayed; trying again", "error", err.Error())
		if worked {
			delay = firstBackoff
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// turn leads once, until something fails. It reports whether anything had worked by then.
func (r *Relay) turn(ctx context.Context, log Log) (worked bool, err error) {
	another := time.AfterFunc(othersLead, func() { r.wait(0, time.Time{}) })
	lead, err := r.outbox.Lead(ctx)
	another.Stop()
	if err != nil {
		return false, fmt.Errorf("get the lead: %w", err)
	}
	defer lead.Release()
	r.leading.Inc()
	defer r.leading.Dec()
	for {
		rows, err := r.round(ctx, log, lead)
		if err != nil {
			return worked, err
		}
		if !worked {
			worked = true
			r.tel.Log.InfoContext(ctx, "this process relays the outbox")
		}
		if rows == batchSize {
			continue
		}
		if err := lead.Wait(ctx, poll); err != nil {
			return worked, fmt.Errorf("wait for rows: %w", err)
		}
	}
}

// round relays one batch and gives its size.
func (r *Relay) round(ctx context.Context, log Log, lead store.Lead) (int, error) {
	batch, err := lead.Oldest(ctx, batchSize)
	if err != nil {
		return 0, fmt.Errorf("read the oldest rows: %w", err)
	}
	if len(batch) == 0 {
		r.wait(0, time.Time{})
		return 0, nil
	}
	found := len(batch)
	if found == batchSize { // there may be more
		if found, err = lead.Count(ctx, mostCounted); err != nil {
			return 0, fmt.Errorf("count the rows: %w", err)
		}
	}
	r.wait(found, batch[0].At)
	records, rows := make([]bus.Record, len(batch)), make([]int64, len(batch))
	for i, outgoing := range batch {
		records[i] = bus.Record{
			Topic: outgoing.Topic, Key: outgoing.Key, Headers: outgoing.Headers, Value: outgoing.Value, Partition: bus.PartitionAny,
		}
		rows[i] = outgoing.Row
	}
	if _, err := log.ProduceAll(ctx, records); err != nil {
		return 0, fmt.Errorf("write %d rows to the log: %w", len(rows), err)
	}
	if err := lead.Delete(ctx, rows); err != nil {
		return 0, fmt.Errorf("delete %d rows that are in the log: %w", len(rows), err)
	}
	r.wait(max(0, found-len(rows)), time.Now()) // how old the others are the next round tells
	r.relayed.Add(float64(len(rows)))
	r.waiting.wake(rows)
	return len(rows), nil
}
