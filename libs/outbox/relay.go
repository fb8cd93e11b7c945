package outbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Log is where the rows go. See [bus.Producer]; it must be gapless, so that rows cannot overtake one that failed.
type Log interface {
	ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error)
}

const (
	batchSize = 500 // rows
	// batchBytes bounds the values of a batch: far below the producer's queue (64 MiB), and little enough to be acknowledged in its time.
	batchBytes = 2 << 20
	countLimit = 10_000
	remembered = 10_000 // rows, many batches
	pollEvery  = time.Second
	// followAfter is how long this process waits for the lead until the rows that it could not relay are another's concern.
	followAfter = 5 * time.Second
)

// Relay brings rows to the log while it leads.
type Relay struct {
	outbox       Outbox
	tel          *telemetry.Telemetry
	acknowledged *lru.Cache[int64, string] // rows that the log has acknowledged to this process, the newest: the ids of their events by their own
	waiters      *waiters
	leads        atomic.Bool
	oldest       atomic.Int64 // microseconds since 1970 of the oldest row that this process has read and not relayed, 0: none
	rows         atomic.Int64 // that this process has found and not relayed
	relayed      prometheus.Counter
	failed       prometheus.Counter
	leading      prometheus.Gauge
}

// New makes the relay of a service, for example "rooms", whose name is in the metrics' names: ism_rooms_outbox_relayed_total, …_failures_total,
// …_leading, …_oldest_seconds and …_rows.
func New(outbox Outbox, service string, tel *telemetry.Telemetry) (*Relay, error) {
	acknowledged, err := lru.New[int64, string](remembered)
	if err != nil {
		return nil, fmt.Errorf("make the memory of relayed rows: %w", err)
	}
	name := func(suffix string) string { return prometheus.BuildFQName("ism", service+"_outbox", suffix) }
	r := &Relay{
		outbox:       outbox,
		tel:          tel,
		acknowledged: acknowledged,
		waiters:      newWaiters(),
		relayed: telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("relayed_total"), Help: "Rows of the outbox that the log has acknowledged.",
		})),
		failed: telemetry.Register(tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("failures_total"), Help: "Rounds of the relay that failed; its rows are tried again.",
		})),
		leading: telemetry.Register(tel.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("leading"), Help: "1 where this process has the lead of the relay. The sum over all must be 1.",
		})),
	}
	telemetry.Register(tel.Metrics, prometheus.Collector(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name("oldest_seconds"), Help: "Age of the oldest row that the relay of this process has not brought to the log.",
	}, r.age)))
	telemetry.Register(tel.Metrics, prometheus.Collector(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name("rows"), Help: "Rows that the relay of this process has not brought to the log; 10,000 stands for more, too.",
	}, func() float64 { return float64(r.rows.Load()) })))
	return r, nil
}

// found notes for the metrics what is not relayed yet.
func (r *Relay) found(rows int, oldest time.Time) {
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
	failed := func(err error, _ time.Duration) {
		r.failed.Inc()
		r.tel.Log.WarnContext(ctx, "the outbox is not being relayed; trying again", "error", err.Error())
	}
	_ = retry.Policy{First: 50 * time.Millisecond, Max: time.Second}.Do(ctx, func(ctx context.Context) error {
		return r.lead(ctx, log)
	}, failed) // it only ends with ctx
}

// lead gets the lead and relays until something fails.
func (r *Relay) lead(ctx context.Context, log Log) error {
	following := time.AfterFunc(followAfter, func() { r.found(0, time.Time{}) })
	lead, err := r.outbox.Lead(ctx)
	following.Stop()
	if err != nil {
		return fmt.Errorf("get the lead: %w", err)
	}
	defer lead.Release()
	r.leading.Inc()
	defer r.leading.Dec()
	r.leads.Store(true)
	defer r.leads.Store(false)
	full, err := r.relayOldest(ctx, log, lead)
	if err != nil {
		return err
	}
	r.tel.Log.InfoContext(ctx, "this process relays the outbox")
	for err == nil {
		if !full {
			if err := lead.Wait(ctx, pollEvery); err != nil {
				return retry.AfterProgress(fmt.Errorf("wait for rows: %w", err))
			}
		}
		full, err = r.relayOldest(ctx, log, lead)
	}
	return retry.AfterProgress(err)
}

// relayOldest relays one batch. It reports whether the batch was full, so that there may be more rows.
func (r *Relay) relayOldest(ctx context.Context, log Log, lead Lead) (full bool, err error) {
	batch, err := lead.Oldest(ctx, batchSize, batchBytes)
	if err != nil {
		return false, fmt.Errorf("read the oldest rows: %w", err)
	}
	if len(batch) == 0 {
		r.found(0, time.Time{})
		return false, nil
	}
	found := len(batch)
	if full = isFull(batch); full {
		if found, err = lead.Count(ctx, countLimit); err != nil {
			return false, fmt.Errorf("count the rows: %w", err)
		}
	}
	r.found(found, batch[0].At)
	left, fresh := r.split(batch)
	if err := remove(ctx, lead, left); err != nil {
		return false, err
	}
	if err := r.write(ctx, log, fresh); err != nil {
		return false, err
	}
	if err := remove(ctx, lead, fresh); err != nil {
		return false, err
	}
	r.found(max(0, found-len(batch)), time.Now()) // the next batch shows how old the others are
	return full, nil
}

// split parts rows that the log has, because an earlier round could not delete them, from the others.
func (r *Relay) split(batch []Row) (left, fresh []Row) {
	for _, row := range batch {
		if event, ok := r.acknowledged.Get(row.ID); ok && event == row.Headers[events.HeaderID] {
			left = append(left, row)
		} else {
			fresh = append(fresh, row)
		}
	}
	return left, fresh
}

// write brings rows to the log, and tells those who wait for them. A log that fails does not say which rows it has: none is remembered then.
func (r *Relay) write(ctx context.Context, log Log, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	records := make([]bus.Record, len(rows))
	for i, row := range rows {
		records[i] = bus.Record{Topic: row.Topic, Key: row.Key, Headers: row.Headers, Partition: bus.PartitionAny}
		if len(row.Value) > 0 { // otherwise it is a tombstone: Kafka's compaction does not take an empty value for one
			records[i].Value = row.Value
		}
	}
	if _, err := log.ProduceAll(ctx, records); err != nil {
		return fmt.Errorf("write %d rows to the log: %w", len(rows), err)
	}
	for _, row := range rows {
		r.acknowledged.Add(row.ID, row.Headers[events.HeaderID])
	}
	r.relayed.Add(float64(len(rows)))
	r.waiters.wake(idsOf(rows))
	return nil
}

// remove takes rows that are in the log out of the outbox.
func remove(ctx context.Context, lead Lead, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := lead.Delete(ctx, idsOf(rows)); err != nil {
		return fmt.Errorf("delete %d rows that are in the log: %w", len(rows), err)
	}
	return nil
}

func idsOf(rows []Row) []int64 {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}

// isFull reports whether another row might not have fitted into the batch.
func isFull(batch []Row) bool {
	bytes := 0
	for _, row := range batch {
		bytes += len(row.Value)
	}
	return len(batch) == batchSize || bytes > batchBytes-MaxValue
}
