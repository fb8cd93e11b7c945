// Package jobs keeps the jobs of webhooks in River (https://riverqueue.com), in the database that the service has anyway.
//
// River keeps when a job is to be done, and sees to it that it is, however often processes end; what has become of a delivery stands in the tables of
// webhooks. So a job that is done twice does nothing the second time.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// timeout is more than an attempt and what is written of it may take.
	timeout = 45 * time.Second
	// abandoned is after how long a job is done again whose process has ended.
	abandoned = 75 * time.Second
	// drain is how long jobs may go on when the process stops. What is broken off then is done again, by another process or the next one.
	drain = 3 * time.Second
	// cooldown is between two looks for jobs: an endpoint is sent its next webhooks when those before are done, so its pace depends on it.
	cooldown = 20 * time.Millisecond
	// kept is how long River remembers jobs that are done.
	kept = 10 * time.Minute
	// attempts is how often a job is tried that the store does not let happen: for days.
	attempts = 10_000
	longest  = time.Minute // between two of them
)

// args are a job as River keeps it.
type args struct {
	Action     store.JobKind `json:"action"`
	EndpointID uuid.UUID     `json:"endpoint"`
	DeliveryID uuid.UUID     `json:"delivery"`
	Attempts   int           `json:"attempts"`
}

// Kind implements [river.JobArgs].
func (args) Kind() string { return "webhook" }

// Queue inserts jobs, with transactions of type TTx.
type Queue[TTx any] struct{ client *river.Client[TTx] }

// New makes a queue. The driver needs no connection.
func New[TTx any](driver riverdriver.Driver[TTx]) (*Queue[TTx], error) {
	// The cooldown is also how long who inserts says nothing more of it to those who wait for jobs.
	client, err := river.NewClient(driver, &river.Config{FetchCooldown: river.FetchCooldownMin, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("make a client of River: %w", err)
	}
	return &Queue[TTx]{client}, nil
}

// Enqueue adds jobs in a transaction.
func (q *Queue[TTx]) Enqueue(ctx context.Context, tx TTx, jobs []store.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, job := range jobs {
		params[i] = river.InsertManyParams{
			Args:       args{job.Kind, job.EndpointID, job.DeliveryID, job.Attempts},
			InsertOpts: &river.InsertOpts{MaxAttempts: attempts, ScheduledAt: job.At},
		}
	}
	if _, err := q.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	return nil
}

// Run does jobs until ctx is done.
func Run[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], atOnce int, log *slog.Logger, handle func(ctx context.Context, job store.Job) error) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{handle: handle}); err != nil {
		return fmt.Errorf("tell River of its jobs: %w", err)
	}
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown:               cooldown,
		CompletedJobRetentionPeriod: kept,
		CancelledJobRetentionPeriod: kept,
		JobTimeout:                  timeout,
		Logger:                      slog.New(quiet{log.Handler()}),
		ReindexerIndexNames:         []string{}, // the service's role need not own tables
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: atOnce}},
		RescueStuckJobsAfter:        abandoned,
		RetryPolicy:                 policy{},
		SoftStopTimeout:             drain,
		Workers:                     workers,
	})
	if err != nil {
		return fmt.Errorf("make a client of River: %w", err)
	}
	// What waits for jobs is asked for by nobody, and each question would begin a trace of its own. The end of ctx has the client stop.
	if err := client.Start(telemetry.Untraced(ctx)); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return fmt.Errorf("start River: %w", err)
	}
	<-client.Stopped()
	if ctx.Err() == nil {
		return errors.New("river has stopped by itself")
	}
	return nil
}

type worker struct {
	river.WorkerDefaults[args]

	handle func(ctx context.Context, job store.Job) error
}

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	return w.handle(ctx, store.Job{
		Kind: job.Args.Action, EndpointID: job.Args.EndpointID, DeliveryID: job.Args.DeliveryID, Attempts: job.Args.Attempts, At: job.ScheduledAt,
	})
}

// policy is when a job is done again that the store did not let happen.
type policy struct{}

// NextRetry implements [river.ClientRetryPolicy].
func (policy) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(time.Second<<min(len(job.Errors), 10), longest)
	return time.Now().Add(wait)
}

// quiet passes on what River says from warnings on: it tells of each start and stop, too.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
