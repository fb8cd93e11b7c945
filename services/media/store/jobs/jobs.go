// Package jobs keeps the jobs of media in River (https://riverqueue.com), in the database that the service has anyway.
//
// River keeps when a job is to be done, and sees to it that it is, however often processes end; what has become of a medium stands in its row. So a job
// that is done twice does nothing the second time.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/store"
)

const (
	sweepLongest = 30 * time.Minute
	// drain is how long jobs may go on when the process stops. What is broken off then is done again, by another process or the next one.
	drain = 3 * time.Second
	// kept is how long River remembers jobs that are done.
	kept = 10 * time.Minute
	// attempts is how often a job is tried that does not succeed: for days.
	attempts = 10_000
	longest  = time.Minute // between two of them

	// Pictures that take long do not hold up what is removed.
	processing  = "process"
	removals    = 4 // at once, with the sweep
	sweepPeriod = "sweep"
)

// timeouts are how long jobs may take, by what they do, see [store.Worker].
type timeouts struct {
	process, remove, sweep time.Duration
	// abandoned is after how long a job is done again whose process has ended. One that may take longer is, too, after its own time.
	abandoned time.Duration
}

func timeoutsOf(cfg store.Jobs) timeouts {
	return timeouts{
		process: cfg.Timeout, remove: cfg.Timeout * 3 / 4, sweep: min(max(cfg.SweepEvery, cfg.Timeout), sweepLongest), abandoned: cfg.Timeout * 5 / 4,
	}
}

type processArgs struct {
	Medium uuid.UUID `json:"medium"`
	Trace  string    `json:"traceparent,omitempty"`
}

type removeArgs struct {
	Medium uuid.UUID `json:"medium"`
}

type sweepArgs struct{}

// Kind implements [river.JobArgs].
func (processArgs) Kind() string { return string(store.JobProcess) }

// Kind implements [river.JobArgs].
func (removeArgs) Kind() string { return string(store.JobRemove) }

// Kind implements [river.JobArgs].
func (sweepArgs) Kind() string { return sweepPeriod }

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
	params := make([]river.InsertManyParams, len(jobs))
	for i, job := range jobs {
		switch job.Kind {
		case store.JobProcess:
			params[i] = river.InsertManyParams{Args: processArgs{job.Medium, job.Trace}, InsertOpts: &river.InsertOpts{MaxAttempts: attempts, Queue: processing}}
		case store.JobRemove:
			params[i] = river.InsertManyParams{Args: removeArgs{job.Medium}, InsertOpts: &river.InsertOpts{MaxAttempts: attempts}}
		default:
			return fmt.Errorf("there are no jobs of kind %q", job.Kind)
		}
	}
	if _, err := q.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	return nil
}

// Run has the worker do jobs until ctx is done.
func Run[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], cfg store.Jobs, worker store.Worker) error {
	within := timeoutsOf(cfg)
	workers, err := workersOf(worker, within, cfg.Log)
	if err != nil {
		return err
	}
	client, err := river.NewClient(driver, &river.Config{
		CompletedJobRetentionPeriod: kept,
		CancelledJobRetentionPeriod: kept,
		JobTimeout:                  within.process,
		Logger:                      slog.New(quiet{cfg.Log.Handler()}),
		PeriodicJobs:                []*river.PeriodicJob{sweeping(cfg.SweepEvery)},
		ReindexerIndexNames:         []string{}, // the service's role need not own tables
		Queues:                      map[string]river.QueueConfig{processing: {MaxWorkers: cfg.AtOnce}, river.QueueDefault: {MaxWorkers: removals}},
		RescueStuckJobsAfter:        within.abandoned,
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

// sweeping has one process of all sweep, at the beginning and whenever the time has passed. One sweep that is late is enough.
func sweeping(every time.Duration) *river.PeriodicJob {
	unique := river.UniqueOpts{ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}
	return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) {
		return sweepArgs{}, &river.InsertOpts{MaxAttempts: attempts, UniqueOpts: unique}
	}, &river.PeriodicJobOpts{ID: sweepPeriod, RunOnStart: true})
}

func workersOf(worker store.Worker, within timeouts, log *slog.Logger) (*river.Workers, error) {
	workers := river.NewWorkers()
	for _, err := range []error{
		river.AddWorkerSafely(workers, doing(within.process, log, func(ctx context.Context, job *river.Job[processArgs]) error {
			asked := jobOf(store.JobProcess, job.Args.Medium, job.JobRow)
			asked.Trace = job.Args.Trace
			return worker.Process(ctx, asked)
		})),
		river.AddWorkerSafely(workers, doing(within.remove, log, func(ctx context.Context, job *river.Job[removeArgs]) error {
			return worker.Remove(ctx, jobOf(store.JobRemove, job.Args.Medium, job.JobRow))
		})),
		river.AddWorkerSafely(workers, doing(within.sweep, log, func(ctx context.Context, _ *river.Job[sweepArgs]) error { return worker.Sweep(ctx) })),
	} {
		if err != nil {
			return nil, fmt.Errorf("tell River of its jobs: %w", err)
		}
	}
	return workers, nil
}

// rescued is what River notes of an attempt that has ended with its process, or hangs.
const rescued = "Stuck job rescued by JobRescuer"

func jobOf(kind store.JobKind, medium uuid.UUID, row *rivertype.JobRow) store.Job {
	job := store.Job{Kind: kind, Medium: medium, Attempt: row.Attempt}
	for _, attempt := range row.Errors {
		if attempt.Error == rescued {
			job.Died++
		}
	}
	return job
}

// doer does jobs of one kind.
type doer[T river.JobArgs] struct {
	river.WorkerDefaults[T]

	timeout time.Duration
	log     *slog.Logger
	do      func(ctx context.Context, job *river.Job[T]) error
}

func doing[T river.JobArgs](timeout time.Duration, log *slog.Logger, do func(ctx context.Context, job *river.Job[T]) error) *doer[T] {
	return &doer[T]{timeout: timeout, log: log, do: do}
}

// Timeout implements [river.Worker].
func (d *doer[T]) Timeout(*river.Job[T]) time.Duration { return d.timeout }

// Work implements [river.Worker]. It says of what fails why, as River's own log is too quiet: the longer it has failed the more seldom, since an outage of
// days fails the same job a thousand times.
func (d *doer[T]) Work(ctx context.Context, job *river.Job[T]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v: %s", p, debug.Stack())
		}
		stops := errors.Is(ctx.Err(), context.Canceled)
		if err != nil && !stops && isPowerOfTwo(job.Attempt) {
			d.log.WarnContext(ctx, "a job fails; it is done again", "job", job.Kind, "of", string(job.EncodedArgs), "attempt", job.Attempt, "error", err.Error())
		}
	}()
	return d.do(ctx, job)
}

func isPowerOfTwo(n int) bool { return n&(n-1) == 0 }

// policy is when a job is done again that did not succeed.
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
