package delivery_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/sqlite"
	"github.com/ism-chat/ism/services/notifications/store/storetest"
)

// sending is deliveries whose senders run.
type sending struct {
	t          *testing.T
	rows       *failing
	deliveries *delivery.Deliveries
	endpoint   uuid.UUID
	stop       func()
}

// senderFunc is a [delivery.Sender].
type senderFunc func(ctx context.Context, sending store.Sending) delivery.Outcome

func (f senderFunc) Send(ctx context.Context, sending store.Sending) delivery.Outcome {
	return f(ctx, sending)
}

// failing is a store whose settling can be made to fail.
type failing struct {
	store.Store

	mu    sync.Mutex
	fails func(n int) error // of the n-th time
	n     int
}

func (f *failing) ChangeUnflushed(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	f.mu.Lock()
	f.n++
	var err error
	if f.fails != nil {
		err = f.fails(f.n)
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Store.ChangeUnflushed(ctx, operation, change)
}

func startSending(t *testing.T, concurrency int, fails func(n int) error, sender senderFunc) *sending {
	t.Helper()
	s := &sending{t: t, rows: &failing{fails: fails}}
	s.rows.Store = storetest.Start(t, sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "notifications.db")}, telemetry.Discard(nil)))
	limits := delivery.Limits{Attempt: 15 * time.Second, AtOnce: 10, DisableAfter: time.Hour, GiveUpAfter: time.Hour}
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	s.deliveries = delivery.New(s.rows, sender, limits, now, telemetry.Discard(slog.New(slog.DiscardHandler)))
	s.endpoint = newEndpoint(t, s.rows, false)
	err := s.rows.ChangeWebhooks(t.Context(), "test", func(ctx context.Context, tx store.WebhookTx) error {
		e, err := tx.LockEndpoint(ctx, s.endpoint)
		e.Concurrency = concurrency
		return errors.Join(err, tx.UpdateEndpoint(ctx, e))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.stop = servicetest.Run(t, "senders", s.deliveries.Send)
	t.Cleanup(s.stop)
	servicetest.AwaitSuccess(t, "it sends", func() error { return s.release() })
	return s
}

// release does a job, which fails where nothing is sent.
func (s *sending) release() error {
	return s.deliveries.Do(context.WithoutCancel(s.t.Context()), store.Job{Kind: store.JobRelease, EndpointID: s.endpoint})
}

func (s *sending) take(n int) {
	s.t.Helper()
	var all []delivery.Taken
	for range n {
		webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeMessageCreated, At: time.Now(), Body: []byte("{}")}
		all = append(all, delivery.Taken{Webhook: webhook, Endpoints: []uuid.UUID{s.endpoint}})
	}
	servicetest.AwaitSuccess(s.t, "they are taken", func() error { return s.deliveries.Take(s.t.Context(), all) })
}

func (s *sending) states() map[store.DeliveryState]int {
	s.t.Helper()
	all, err := s.rows.Deliveries(s.t.Context(), store.DeliveryQuery{EndpointID: s.endpoint, Limit: 10_000})
	if err != nil {
		s.t.Fatal(err)
	}
	states := map[store.DeliveryState]int{}
	for _, one := range all {
		states[one.State]++
	}
	return states
}

func taken() delivery.Outcome { return delivery.Outcome{At: time.Now().UTC(), Status: 200} }

// What is behind an answer that does not come is sent by other lanes.
func TestWhatIsBehindASlowAnswerIsSentByOthers(t *testing.T) {
	t.Parallel()
	var once sync.Once
	release := make(chan struct{})
	s := startSending(t, 2, nil, func(context.Context, store.Sending) delivery.Outcome {
		wait := false
		once.Do(func() { wait = true })
		if wait {
			<-release
		}
		return taken()
	})
	t.Cleanup(func() { close(release) })
	s.take(20)
	servicetest.Await(t, "all but one are taken", func() bool { return s.states()[store.Delivered] == 19 })
	if states := s.states(); states[store.Released] != 1 {
		t.Errorf("deliveries are %v", states)
	}
}

// A process that stops records what it has sent, and lets others have at once what it has not.
func TestAProcessThatStopsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	begun, answer := make(chan struct{}, 20), make(chan struct{})
	s := startSending(t, 2, nil, func(context.Context, store.Sending) delivery.Outcome {
		begun <- struct{}{}
		<-answer
		return taken()
	})
	s.take(20)
	<-begun
	<-begun
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop()
	}()
	servicetest.Await(t, "it claims nothing more", func() bool { return s.release() != nil })
	close(answer)
	<-stopped
	if states := s.states(); states[store.Delivered] != 2 || states[store.Waiting] != 18 {
		t.Errorf("deliveries are %v", states)
	}
}

// An answer that takes longer than a process that stops has time for is not waited for.
func TestAnAnswerDoesNotKeepAProcessFromStopping(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	s := startSending(t, 1, nil, func(ctx context.Context, _ store.Sending) delivery.Outcome {
		close(begun)
		<-ctx.Done()
		return delivery.Outcome{At: time.Now().UTC(), Error: "canceled"}
	})
	s.take(1)
	<-begun
	s.stop()
	if states := s.states(); states[store.Waiting] != 1 {
		t.Errorf("deliveries are %v", states)
	}
}

// While the store is away answers are kept, and written when it is back. One that it never takes does not hold up the others.
func TestAnswersOutliveAStoreThatFails(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(n int) error{
		"away": func(n int) error {
			if n <= 2 {
				return store.ErrUnavailable
			}
			return nil
		},
		"together": func(n int) error {
			if n == 1 {
				return store.ErrUnstorable
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			sent := 0
			s := startSending(t, 3, fails, func(context.Context, store.Sending) delivery.Outcome {
				mu.Lock()
				defer mu.Unlock()
				sent++
				return taken()
			})
			s.take(30)
			servicetest.Await(t, "all are recorded", func() bool { return s.states()[store.Delivered] == 30 })
			mu.Lock()
			defer mu.Unlock()
			if sent != 30 {
				t.Errorf("%d are sent", sent)
			}
		})
	}
}

// A fault of the program in sending one webhook is a failure of that one.
func TestAFaultFailsOneWebhook(t *testing.T) {
	t.Parallel()
	var once sync.Once
	s := startSending(t, 1, nil, func(context.Context, store.Sending) delivery.Outcome {
		once.Do(func() { panic("fault") })
		return taken()
	})
	s.take(5)
	servicetest.Await(t, "the others are taken", func() bool { return s.states()[store.Delivered] == 4 })
	if states := s.states(); states[store.Retrying] != 1 {
		t.Errorf("deliveries are %v", states)
	}
}
