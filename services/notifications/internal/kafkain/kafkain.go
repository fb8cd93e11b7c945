// Package kafkain takes what backends have to tell users from a Kafka topic of theirs.
package kafkain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
)

// mostRecords is how many records are told together: each may be for a thousand users, and a stop waits for them.
const mostRecords = 32

// Intake tells users something.
type Intake interface {
	Vet(ctx context.Context, tenant string, asked ...intake.Asked) ([]error, error)
	Tell(ctx context.Context, asked ...intake.Asked) []intake.Told
}

// Reader reads the topic as a member of a consumer group. Each partition's records are told in their order, and committed once ism.notifications has them. What
// is malformed, or for users who may not be told, goes to the suite's dead letters. All else waits.
type Reader struct {
	intake   Intake
	consumer *bus.Consumer
	theirs   *bus.Bus // nil where the suite's brokers have the topic
	tracing  bus.Tracing
	log      *slog.Logger
}

// New makes a reader. Ours is the suite's bus. Run it, once.
func New(cfg Config, in Intake, ours *bus.Bus, tel *telemetry.Telemetry) (*Reader, error) {
	r := &Reader{intake: in, log: tel.Log}
	from := ours
	if len(cfg.Brokers) > 0 {
		r.theirs = bus.New(cfg.bus(), tel)
		from = r.theirs
	}
	r.tracing = from.Tracing(cfg.Group)
	consumer, err := from.NewConsumer(bus.ConsumerConfig{
		Group: cfg.Group, Topics: []string{cfg.Topic}, MaxBatch: mostRecords, DeadLetters: ours, Handler: r.take,
	})
	if err != nil {
		return nil, fmt.Errorf("make the consumer of notifications: %w", err)
	}
	r.consumer = consumer
	return r, nil
}

// Run reads until ctx is done, and finishes what is under way.
func (r *Reader) Run(ctx context.Context) error {
	if r.theirs != nil {
		defer r.theirs.Close()
	}
	return r.consumer.Run(ctx)
}

// take is the consumer's handler: it is given the records again after an error, one by one after one that is [bus.ErrRejected].
func (r *Reader) take(ctx context.Context, records []bus.Record) (err error) {
	ctx, spans := r.tracing.Batch(ctx, records)
	defer func() { bus.EndSpans(spans, err) }()
	asked, err := read(records)
	if err != nil {
		return err
	}
	refusals, err := r.intake.Vet(ctx, "", asked...)
	if err != nil {
		return err
	}
	if refused := errors.Join(refusals...); refused != nil {
		return fmt.Errorf("%w: %w", bus.ErrRejected, refused)
	}
	users := 0
	for _, told := range r.intake.Tell(ctx, asked...) {
		if told.Err != nil {
			return told.Err
		}
		users += len(told.Notifications)
	}
	r.log.InfoContext(ctx, "users are told", "users", users, "topic", records[0].Topic, "partition", records[0].Partition, "offset", records[0].Offset,
		"records", len(records))
	return nil
}

// read reads what the records say. The error, of the first that cannot be read, is [bus.ErrRejected].
func read(records []bus.Record) ([]intake.Asked, error) {
	asked := make([]intake.Asked, len(records))
	for i, record := range records {
		told, event, err := intake.ParseRecord(record.Headers, record.Value)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", bus.ErrRejected, err)
		}
		ids := intake.OfRecord(record)
		if event != (intake.Event{}) {
			ids = intake.OfEvent(event)
		}
		asked[i] = intake.Asked{Notification: told, IDs: ids, Taken: taken(record, time.Now())}
	}
	return asked, nil
}

// taken is when the topic got a record, as far as it says so: it may have waited there. A time to come is the clock of another.
func taken(record bus.Record, now time.Time) time.Time {
	if record.Time.IsZero() || record.Time.After(now) {
		return now
	}
	return record.Time
}
