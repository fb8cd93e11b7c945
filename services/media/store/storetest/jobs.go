package storetest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	servicetest.Await(t, what, holds)
}

// nothing does nothing.
type nothing struct{}

func (nothing) Process(context.Context, store.Job) error { return nil }
func (nothing) Remove(context.Context, store.Job) error  { return nil }
func (nothing) Sweep(context.Context) error              { return nil }

// recorder notes what a worker is asked for.
type recorder struct {
	store.Worker

	mu     sync.Mutex
	jobs   []store.Job
	sweeps int
}

func (r *recorder) note(job store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs = append(r.jobs, job)
}

func (r *recorder) done() []store.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.jobs)
}

func (r *recorder) swept() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sweeps
}

func (r *recorder) Process(ctx context.Context, job store.Job) error {
	r.note(job)
	return r.Worker.Process(ctx, job)
}

func (r *recorder) Remove(ctx context.Context, job store.Job) error {
	r.note(job)
	return r.Worker.Remove(ctx, job)
}

func (r *recorder) Sweep(ctx context.Context) error {
	r.mu.Lock()
	r.sweeps++
	r.mu.Unlock()
	return r.Worker.Sweep(ctx)
}

func jobs() store.Jobs {
	return store.Jobs{AtOnce: 2, Timeout: 5 * time.Second, SweepEvery: time.Hour, Log: slog.New(slog.DiscardHandler)}
}

// run has a worker do jobs for the rest of the test, and gives those that it was asked for.
func run(t testing.TB, f *fixture, worker store.Worker) (done func() []store.Job) {
	t.Helper()
	r := &recorder{Worker: worker}
	servicetest.Run(t, "jobs", func(ctx context.Context) error { return f.RunJobs(ctx, jobs(), r) })
	return r.done
}

// failing fails the first time that it is asked to process, and panics the second.
type failing struct {
	nothing

	asked atomic.Int64
}

func (f *failing) Process(context.Context, store.Job) (err error) {
	switch f.asked.Add(1) {
	case 1:
		return errors.New("not now")
	case 2:
		panic("nor now")
	}
	return nil
}

func jobsAreDone(t *testing.T, f *fixture) {
	r, log := &recorder{Worker: &failing{}}, &servicetest.Log{}
	cfg := jobs()
	cfg.Log = slog.New(slog.NewJSONHandler(log, nil))
	servicetest.Run(t, "jobs", func(ctx context.Context) error { return f.RunJobs(ctx, cfg, r) })
	m := f.in(t, wire.MediaUploaded, f.asked(uuid.New(), uuid.New()))
	await(t, "it is processed at the third attempt", func() bool { return len(r.done()) == 3 })
	for _, cause := range []string{"not now", "panic: nor now"} {
		if text := log.String(); !strings.Contains(text, cause) || !strings.Contains(text, m.ID.String()) {
			t.Errorf("the log does not say %q of it: %s", cause, text)
		}
	}
	for i, job := range r.done() {
		if job != (store.Job{Kind: store.JobProcess, Medium: m.ID, Attempt: i + 1}) {
			t.Errorf("done is %+v", job)
		}
	}
	if _, err := f.Reject(t.Context(), m.ID, badReason); err != nil {
		t.Fatal(err)
	}
	await(t, "its objects are removed", func() bool { return len(r.done()) == 4 })
	if _, err := f.Delete(t.Context(), m.ID, store.ReasonWithdrawn); err != nil {
		t.Fatal(err)
	}
	await(t, "they are removed once more", func() bool { return len(r.done()) == 5 })
	for _, job := range r.done()[3:] {
		if job != (store.Job{Kind: store.JobRemove, Medium: m.ID, Attempt: 1}) {
			t.Errorf("done is %+v", job)
		}
	}
	await(t, "there is a sweep", func() bool { return r.swept() == 1 })
}

// What completes an upload is told to the job that looks at it; the jobs that remove things are of no trace.
func jobsKnowTheirTrace(t *testing.T, f *fixture) {
	done := run(t, f, nothing{})
	asked := f.asked(uuid.New(), uuid.New())
	f.in(t, wire.MediaPending, asked)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 7}, SpanID: trace.SpanID{7: 8}, TraceFlags: trace.FlagsSampled,
	}))
	if _, err := f.Complete(ctx, asked.ID, facts()); err != nil {
		t.Fatal(err)
	}
	await(t, "it is processed", func() bool { return len(done()) == 1 })
	if got, want := done()[0].Trace, "00-00000000000000000000000000000007-0000000000000008-01"; got != want {
		t.Errorf("its trace is %q, want %q", got, want)
	}
	if _, err := f.Delete(ctx, asked.ID, store.ReasonWithdrawn); err != nil {
		t.Fatal(err)
	}
	await(t, "its objects are removed", func() bool { return len(done()) == 2 })
	if got := done()[1].Trace; got != "" {
		t.Errorf("the trace of what removes it is %q", got)
	}
}

// hanging hangs until it is told to end.
type hanging struct {
	nothing

	begun chan struct{}
}

func (h hanging) Process(ctx context.Context, _ store.Job) error {
	close(h.begun)
	<-ctx.Done()
	return context.Cause(ctx)
}

// A process that stops does not wait for a picture for ever. Whoever runs next does the job.
func brokenOffIsDoneAgain(t *testing.T, f *fixture) {
	h := hanging{begun: make(chan struct{})}
	stop := servicetest.Run(t, "jobs", func(ctx context.Context) error { return f.RunJobs(ctx, jobs(), h) })
	f.in(t, wire.MediaUploaded, f.asked(uuid.New(), uuid.New()))
	<-h.begun
	stop()
	done := run(t, f, nothing{})
	await(t, "the job is done", func() bool { return len(done()) == 1 })
}

func lostJobsAreFound(t *testing.T, f *fixture) {
	uploaded := f.in(t, wire.MediaUploaded, f.asked(uuid.New(), uuid.New()))
	deleted := f.in(t, wire.MediaDeleted, f.asked(uuid.New(), uuid.New()))
	ready := f.ready(t, uuid.New(), uuid.New())
	done := run(t, f, nothing{})
	await(t, "the jobs are done", func() bool { return len(done()) == 3 }) // by a worker that leaves all as it is
	stuck, err := f.Uploaded(t.Context(), f.clock().Add(time.Second), 10)
	if err != nil || len(stuck) != 1 || stuck[0].ID != uploaded.ID {
		t.Fatalf("stuck are %+v, %v", stuck, err)
	}
	if err := f.Requeue(t.Context(), []uuid.UUID{uploaded.ID, deleted.ID, ready.ID, uuid.New()}); err != nil {
		t.Fatal(err)
	}
	await(t, "they are done again", func() bool { return len(done()) == 5 })
	again := map[uuid.UUID]store.JobKind{}
	for _, job := range done()[3:] {
		again[job.Medium] = job.Kind
	}
	if again[uploaded.ID] != store.JobProcess || again[deleted.ID] != store.JobRemove {
		t.Errorf("done are %v", again)
	}
}

// JobOfADeadProcess plays a process that is killed while it does a job. Orphan has River's row of the job look as such a process leaves it: under way, since
// minutes ago.
func JobOfADeadProcess(t *testing.T, rows store.Rows, orphan func()) {
	t.Helper()
	f := newFixture(t, rows)
	m := f.in(t, wire.MediaUploaded, f.asked(uuid.New(), uuid.New()))
	orphan()
	done := run(t, f, nothing{})
	await(t, "the job is done", func() bool { return len(done()) == 1 })
	if job := done()[0]; job.Medium != m.ID || job.Attempt != 2 || job.Died != 1 {
		t.Errorf("done is %+v", job)
	}
}

// Works holds a store to what needs every right: rows, the outbox, jobs.
func Works(t *testing.T, rows store.Rows) {
	t.Helper()
	f := newFixture(t, rows)
	m, message := f.ready(t, uuid.New(), uuid.New()), uuid.New()
	f.refer(t, m.ID, message, 1)
	f.unrefer(t, message)
	if _, _, err := f.DeleteUser(t.Context(), m.Uploader, uuid.New(), f.clock(), 10); err != nil {
		t.Fatal(err)
	}
	done := run(t, f, nothing{})
	await(t, "the jobs are done", func() bool { return len(done()) == 2 })
	if err := f.Forget(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	if told := f.told(t); len(receipts(told)) != 1 {
		t.Errorf("told is %+v", told)
	}
	if _, err := f.Clear(t.Context(), f.clock().Add(time.Hour), 10); err != nil {
		t.Fatal(err)
	}
}
