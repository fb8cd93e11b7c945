// Package processing does what jobs are about: it looks at what was uploaded, removes the objects of what is rejected or deleted, and keeps house.
//
// # What becomes of an upload
//
// A medium that is uploaded becomes ready once its checksum is right, no scanner has found anything, and, if it is an image, its variants are made. What the
// file itself is at fault for rejects it, with one of the reasons below or of package images. Whatever else fails, as an object store or a scanner that is
// away, is an error: the medium stays uploaded, and the job is done again.
//
// # Crashes
//
// Each step can be done again: objects are replaced by the same ones, and the store takes a change of state once. An object that is put for a medium which is
// deleted meanwhile is deleted by whoever notices: at once, or, where the process ends before, as an orphan, a day later.
//
// # State
//
// All of it is in the stores. What a worker remembers saves work and no more: how far checksums of large files have come, where it is in the list of all
// objects, and for which media it has asked for another job.
package processing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/scan"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// Reasons of rejections, besides those of package images.
const (
	ReasonMissing        = "missing"           // there is no object
	ReasonSize           = "size-mismatch"     // the object has another size than was declared
	ReasonChecksum       = "checksum-mismatch" // another content than was declared
	ReasonInfected       = "infected"
	ReasonTooLargeToScan = "too-large-to-scan" // the scanner takes no file of that size, and none goes unscanned
	ReasonUnprocessable  = "unprocessable"     // whoever looks at it dies of it
)

// deaths is how often processes may end while they look at a file until it is rejected.
const deaths = 5

// Media is what is known of media: the store.
type Media interface {
	ByID(ctx context.Context, id uuid.UUID) (store.Media, error)
	Ready(ctx context.Context, id uuid.UUID, width, height int, variants []string) (store.Media, error)
	Reject(ctx context.Context, id uuid.UUID, reason string) (store.Media, error)
	Forget(ctx context.Context, id uuid.UUID) error
	Housekeeping
}

// Housekeeping is what the store has to be asked for from time to time.
type Housekeeping interface {
	Expired(ctx context.Context, now time.Time, limit int) (deleted int, err error)
	ExpiredUses(ctx context.Context, now time.Time, limit int) (expired int, err error)
	Unused(ctx context.Context, before time.Time, limit int) (looked int, err error)
	Uploaded(ctx context.Context, before time.Time, limit int) ([]store.Media, error)
	Deleted(ctx context.Context, before time.Time, limit int) ([]store.Media, error)
	Requeue(ctx context.Context, media []uuid.UUID) error
	Clear(ctx context.Context, before time.Time, limit int) (more bool, err error)
	Known(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
}

// Objects is where the bytes are, see [objects.Store].
type Objects interface {
	Capabilities() objects.Capabilities
	Stat(ctx context.Context, key string) (objects.Info, error)
	Open(ctx context.Context, key string, part objects.Range) (io.ReadCloser, objects.Info, error)
	PresignGet(ctx context.Context, key string, download objects.Download, lifetime time.Duration) (string, error)
	Put(ctx context.Context, object objects.Upload, content io.Reader) (objects.Info, error)
	Delete(ctx context.Context, keys ...string) error
	AbortParts(ctx context.Context, key, uploadID string) error
	List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error)
	Unfinished(ctx context.Context, prefix, after string, limit int) ([]objects.Unfinished, error)
}

// Pictures makes smaller pictures: a pool of package images.
type Pictures interface {
	Inspect(ctx context.Context, file io.Reader, size int64) (images.Info, error)
	Variants(ctx context.Context, file io.Reader, size int64, edges ...int) (images.Info, []images.Variant, error)
}

// Scanner looks for malware.
type Scanner interface {
	Scan(ctx context.Context, file scan.File) (scan.Verdict, error)
}

// Deps is what a worker works with.
type Deps struct {
	Media     Media
	Objects   Objects
	Pictures  Pictures
	Scanner   Scanner // nil: nothing is scanned
	Telemetry *telemetry.Telemetry
	Now       func() time.Time

	UploadTTL    time.Duration // how long an upload may take
	UnusedAfter  time.Duration // how long a ready medium stays that no message has ever shown; 0: for ever
	OrphansAfter time.Duration // how old an object is that nobody knows until it is an orphan
}

// Worker does jobs. It is safe for concurrent use.
type Worker struct {
	Deps
	log     *slog.Logger
	tracer  trace.Tracer
	metrics metrics
	sums    *sums
	house   house
	suspect sync.Mutex // held while a file is looked at of which a process may have died
}

var _ store.Worker = (*Worker)(nil)

// New makes a worker.
func New(deps Deps) *Worker {
	return &Worker{
		Deps: deps, log: deps.Telemetry.Log, metrics: newMetrics(deps.Telemetry.Metrics), sums: newSums(),
		tracer: deps.Telemetry.Tracer.Tracer("github.com/ism-chat/ism/services/media/processing"),
	}
}

// Outcomes of processing, as the metric has them.
const (
	outcomeReady    = "ready"
	outcomeRejected = "rejected"
	outcomeFailed   = "failed" // it is done again
)

type metrics struct {
	processed *prometheus.CounterVec
	took      prometheus.Histogram
	unscanned prometheus.Counter
	removed   prometheus.Counter
	orphans   prometheus.Counter
	suspended prometheus.Counter
}

func newMetrics(register prometheus.Registerer) metrics {
	counter := func(name, help string) prometheus.Counter {
		return telemetry.Register(register, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	return metrics{
		processed: telemetry.Counters(register, prometheus.CounterOpts{
			Name: "ism_media_processed_total", Help: "Uploads that were looked at, by what came of it: ready, rejected or failed.",
		}, "outcome", outcomeReady, outcomeRejected, outcomeFailed),
		took: telemetry.Register(register, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ism_media_processing_seconds", Help: "How long it takes to look at an upload.", Buckets: []float64{0.05, 0.2, 0.5, 1, 2, 5, 15, 60},
		})),
		unscanned: counter("ism_media_scans_failed_total", "Scans without a verdict: the scanner is away, or fails. The upload stays uploaded, and is scanned again."),
		removed:   counter("ism_media_removed_total", "Media whose objects were removed, as they are rejected or deleted."),
		orphans:   counter("ism_media_orphans_removed_total", "Objects that were removed as no medium had them any more."),
		suspended: counter("ism_media_orphans_left_total", "Objects that no medium has, but which are so many that they were left: the database may be another one."),
	}
}

// rejection is the error of a medium that is at fault itself.
type rejection struct {
	reason string
	detail string // for logs
}

func (r *rejection) Error() string { return r.reason + ": " + r.detail }

var errSuspected = errors.New("another file is looked at of which a process may have died; this one follows")

// Process implements [store.Worker].
func (w *Worker) Process(ctx context.Context, job store.Job) (err error) {
	m, err := w.Media.ByID(ctx, job.Medium)
	if errors.Is(err, store.ErrNotFound) || err == nil && m.State != wire.MediaUploaded {
		return nil // it is done, or done with
	}
	if err != nil {
		return fmt.Errorf("look for a medium: %w", err)
	}
	ctx, span := w.begin(ctx, m, job)
	defer span.End()
	begun := w.Now()
	outcome, err := w.process(ctx, m, job)
	w.metrics.took.Observe(w.Now().Sub(begun).Seconds())
	w.metrics.processed.WithLabelValues(outcome).Inc()
	span.SetAttributes(attribute.String("ism.medium.outcome", outcome))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// begin begins the span of an attempt, in the trace of what completed the upload. Where that is not known, the attempt is a trace of its own.
func (w *Worker) begin(ctx context.Context, m store.Media, job store.Job) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithAttributes(
		attribute.String("ism.medium.id", m.ID.String()), telemetry.RoomID(m.Room), attribute.Int64("ism.medium.size", m.Size), attribute.Int("ism.job.attempt", job.Attempt),
	)}
	asked := w.Telemetry.Propagator.Extract(ctx, propagation.MapCarrier{"traceparent": job.Trace})
	if !trace.SpanContextFromContext(asked).IsRemote() {
		options = append(options, trace.WithNewRoot())
	}
	return w.tracer.Start(asked, "process medium", options...)
}

func (w *Worker) process(ctx context.Context, m store.Media, job store.Job) (outcome string, err error) {
	found, err := w.examineAlone(ctx, m, job)
	if at := new(rejection); errors.As(err, &at) {
		if err := w.reject(ctx, m, at); err != nil {
			return outcomeFailed, err
		}
		return outcomeRejected, nil
	}
	if err != nil {
		return outcomeFailed, err
	}
	_, err = w.Media.Ready(ctx, m.ID, found.width, found.height, found.variants)
	if err := w.settled(ctx, m, err); err != nil {
		return outcomeFailed, fmt.Errorf("make a medium ready: %w", err)
	}
	return outcomeReady, nil
}

func (w *Worker) reject(ctx context.Context, m store.Media, at *rejection) error {
	_, err := w.Media.Reject(ctx, m.ID, at.reason)
	if err := w.settled(ctx, m, err); err != nil {
		return fmt.Errorf("reject a medium: %w", err)
	}
	level := slog.LevelInfo
	if at.reason == ReasonInfected || at.reason == ReasonUnprocessable {
		level = slog.LevelWarn
	}
	w.log.Log(ctx, level, "a medium is rejected", "medium", m.ID, "room", m.Room, "uploader", m.Uploader, "reason", at.reason, "detail", at.detail)
	return nil
}

// settled looks at what came of a change of state. Where the medium has gone on meanwhile, the change is needed no more; where its objects have been removed,
// those that were made since are.
func (w *Worker) settled(ctx context.Context, m store.Media, err error) error {
	if err == nil {
		w.sums.forget(m.ID)
		return nil
	}
	var other store.StateError
	switch {
	case errors.Is(err, store.ErrNotFound):
	case errors.As(err, &other) && (other.State == wire.MediaDeleted || other.State == wire.MediaRejected):
	case errors.As(err, &other):
		return nil
	default:
		return err
	}
	w.sums.forget(m.ID)
	return w.removeObjects(ctx, m)
}

// examineAlone examines a medium. Those of which processes have died are examined one at a time: which of them was it, is seen then.
func (w *Worker) examineAlone(ctx context.Context, m store.Media, job store.Job) (found, error) {
	switch {
	case job.Died >= deaths:
		return found{}, &rejection{ReasonUnprocessable, fmt.Sprintf("%d processes have ended while they looked at it", job.Died)}
	case job.Died > 0:
		if !w.suspect.TryLock() {
			return found{}, errSuspected
		}
		defer w.suspect.Unlock()
	}
	return w.examine(ctx, m)
}
