package storetest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/notifications/store"
)

// change changes something, which must succeed.
func change(t *testing.T, s store.Store, do func(ctx context.Context, tx store.WebhookTx) error) {
	t.Helper()
	if err := s.ChangeWebhooks(t.Context(), "test", do); err != nil {
		t.Fatal(err)
	}
}

func newEndpoint(t *testing.T, s store.Store, with func(*store.Endpoint)) store.Endpoint {
	t.Helper()
	endpoint := store.Endpoint{
		ID: uuid.New(), URL: "https://example.com/hook", Types: []string{"a", "b"}, Rooms: []uuid.UUID{}, Scheme: "v1", Concurrency: 2,
		Status: store.EndpointActive, CreatedAt: at, UpdatedAt: at,
	}
	if with != nil {
		with(&endpoint)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.InsertEndpoint(ctx, endpoint, store.Secret{Text: "first", CreatedAt: at})
	})
	return endpoint
}

// deliver adds deliveries of new events, in a state, to an endpoint, and gives their ids.
func deliver(t *testing.T, s store.Store, endpoint, room uuid.UUID, state store.DeliveryState, n int) (ids []uuid.UUID) {
	t.Helper()
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		var events []store.WebhookEvent
		var deliveries []store.Delivery
		ids = nil
		for i := range n {
			event := store.WebhookEvent{ID: uuid.New(), Type: "a", RoomID: room, HappenedAt: at.Add(time.Duration(i) * time.Second), TakenAt: at, Body: []byte(`{"a":"\u0000"}`)}
			delivery := store.Delivery{
				ID: uuid.New(), EndpointID: endpoint, EventID: event.ID, Type: event.Type, RoomID: room, HappenedAt: event.HappenedAt, State: state, ChangedAt: at,
			}
			events, deliveries, ids = append(events, event), append(deliveries, delivery), append(ids, delivery.ID)
		}
		return errors.Join(tx.InsertEvents(ctx, events), tx.InsertDeliveries(ctx, deliveries))
	})
	return ids
}

func deliveriesOf(t *testing.T, s store.Store, query store.DeliveryQuery) []store.Delivery {
	t.Helper()
	if query.Limit == 0 {
		query.Limit = 100
	}
	all, err := s.Deliveries(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func waitingAt(t *testing.T, s store.Store, endpoint uuid.UUID) []uuid.UUID {
	t.Helper()
	return idsOf(deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint, States: []store.DeliveryState{store.Waiting}}))
}

func idsOf(deliveries []store.Delivery) (ids []uuid.UUID) {
	for _, delivery := range deliveries {
		ids = append(ids, delivery.ID)
	}
	return ids
}

func sameEndpoint(a, b store.Endpoint) bool {
	return a.ID == b.ID && a.URL == b.URL && a.Description == b.Description && slices.Equal(a.Types, b.Types) && slices.Equal(a.Rooms, b.Rooms) &&
		a.Scheme == b.Scheme && a.Ordered == b.Ordered && a.Concurrency == b.Concurrency && a.Status == b.Status && a.Reason == b.Reason &&
		a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt) && a.Failures == b.Failures && a.FailingSince.Equal(b.FailingSince) && a.ClosedUntil.Equal(b.ClosedUntil)
}

func endpointIsKept(t *testing.T, s store.Store) {
	ctx := t.Context()
	before, err := s.EndpointChanges(ctx)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := newEndpoint(t, s, func(e *store.Endpoint) {
		e.Rooms, e.Ordered, e.Description = []uuid.UUID{uuid.New(), uuid.New()}, true, "ä 🥣"
	})
	same := func(when string) {
		t.Helper()
		got, err := s.Endpoint(ctx, endpoint.ID)
		if err != nil || !sameEndpoint(got, endpoint) {
			t.Errorf("%s it is %+v, %v, want %+v", when, got, err, endpoint)
		}
	}
	same("at first")
	endpoint.Failures, endpoint.FailingSince, endpoint.ClosedUntil = 3, at, at.Add(time.Minute)
	changes := func() int64 {
		t.Helper()
		n, err := s.EndpointChanges(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	made := changes()
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.UpdateHealth(ctx, endpoint) })
	same("with another health")
	if made <= before || changes() != made {
		t.Errorf("changes are %d, then %d, then %d", before, made, changes())
	}
	endpoint.URL, endpoint.Types, endpoint.Rooms, endpoint.Ordered, endpoint.Concurrency = "https://example.org", []string{"c"}, nil, false, 5
	endpoint.Status, endpoint.Reason, endpoint.UpdatedAt, endpoint.Description = store.EndpointDisabled, "gone", at.Add(time.Second), ""
	subscribed := func() int {
		t.Helper()
		all, version, err := s.Subscribed(ctx)
		if err != nil || version != changes() {
			t.Fatalf("as of %d: %v", version, err)
		}
		return len(all)
	}
	if n := subscribed(); n != 1 {
		t.Errorf("%d are subscribed", n)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.UpdateEndpoint(ctx, endpoint) })
	same("when it is updated")
	if changes() <= made || subscribed() != 0 {
		t.Errorf("changes are %d, %d are subscribed", changes(), subscribed())
	}
	if _, err := s.Endpoint(ctx, uuid.New()); !errors.Is(err, store.ErrNoEndpoint) {
		t.Errorf("another one: %v", err)
	}
	other := newEndpoint(t, s, nil)
	listed, err := s.Endpoints(ctx, uuid.Nil, 1)
	if err != nil || len(listed) != 1 {
		t.Fatalf("listed are %+v, %v", listed, err)
	}
	rest, err := s.Endpoints(ctx, listed[0].ID, 5)
	if err != nil || len(rest) != 1 || bytes.Compare(rest[0].ID[:], listed[0].ID[:]) <= 0 || rest[0].ID != other.ID && rest[0].ID != endpoint.ID {
		t.Errorf("then %+v, %v", rest, err)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		if n, err := tx.CountEndpoints(ctx); err != nil || n != 2 {
			t.Errorf("there are %d, %v", n, err)
		}
		return nil
	})
}

func secretsAreRotated(t *testing.T, s store.Store) {
	endpoint := newEndpoint(t, s, nil)
	delivery := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 1)[0]
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Rotate(ctx, endpoint.ID, at.Add(time.Hour), store.Secret{Text: "second", CreatedAt: at})
	})
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Rotate(ctx, endpoint.ID, at.Add(2*time.Hour), store.Secret{Text: "third", CreatedAt: at})
	})
	for after, want := range map[time.Duration][]string{
		0: {"third", "second", "first"}, time.Hour - 1000: {"third", "second", "first"}, time.Hour: {"third", "second"}, 3 * time.Hour: {"third"},
	} {
		sending, err := s.Sending(t.Context(), delivery, at.Add(after))
		var got []string
		for _, secret := range sending.Secrets {
			got = append(got, secret.Text)
		}
		if err != nil || !slices.Equal(got, want) || string(sending.Body) != `{"a":"\u0000"}` || sending.Endpoint.ID != endpoint.ID || sending.Delivery.ID != delivery {
			t.Errorf("after %s: %+v, %v", after, sending, err)
		}
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Rotate(ctx, endpoint.ID, at, store.Secret{Text: "fourth", CreatedAt: at})
	})
	if sending, err := s.Sending(t.Context(), delivery, at); err != nil || len(sending.Secrets) != 1 || sending.Secrets[0].Text != "fourth" {
		t.Errorf("without an overlap: %+v, %v", sending.Secrets, err)
	}
	if _, err := s.Sending(t.Context(), uuid.New(), at); !errors.Is(err, store.ErrNoDelivery) {
		t.Errorf("of another delivery: %v", err)
	}
}

func deliveriesAreTakenOnce(t *testing.T, s store.Store) {
	endpoint := newEndpoint(t, s, nil)
	ids := deliver(t, s, endpoint.ID, uuid.New(), store.Waiting, 5)
	taken := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID})
	slices.Reverse(taken)
	if !slices.Equal(idsOf(taken), ids) {
		t.Fatalf("taken are %v, want %v", idsOf(taken), ids)
	}
	again := func(ctx context.Context, tx store.WebhookTx) error {
		for _, delivery := range taken {
			event := store.WebhookEvent{ID: delivery.EventID, Type: "other", HappenedAt: at, TakenAt: at, Body: []byte("other")}
			if err := errors.Join(tx.InsertEvents(ctx, []store.WebhookEvent{event}), tx.InsertDeliveries(ctx, []store.Delivery{delivery})); err != nil {
				return err
			}
		}
		return nil
	}
	change(t, s, again)
	if n := len(deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID})); n != 5 {
		t.Errorf("there are %d", n)
	}
	if sending, err := s.Sending(t.Context(), ids[0], at); err != nil || string(sending.Body) == "other" {
		t.Errorf("taken again it is %s, %v", sending.Body, err)
	}
	var released []store.Delivery
	release := func(limit int) func(ctx context.Context, tx store.WebhookTx) error {
		return func(ctx context.Context, tx store.WebhookTx) (err error) {
			released, err = tx.Release(ctx, endpoint.ID, limit, at.Add(time.Second))
			return err
		}
	}
	change(t, s, release(2))
	if !slices.Equal(idsOf(released), ids[:2]) || released[0].State != store.Released || !released[0].ChangedAt.Equal(at.Add(time.Second)) {
		t.Errorf("released are %+v", released)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		if n, err := tx.CountReleased(ctx, endpoint.ID); err != nil || n != 2 {
			t.Errorf("released are %d, %v", n, err)
		}
		delivery, err := tx.LockDelivery(ctx, ids[0])
		if err != nil {
			return err
		}
		delivery.State, delivery.Attempts, delivery.Round, delivery.NextAt = store.Retrying, 7, 3, at.Add(time.Hour)
		delivery.Status, delivery.Error, delivery.ChangedAt = 503, "no", at.Add(time.Minute)
		attempt := store.Attempt{DeliveryID: ids[0], Number: 1, At: at, Took: 1500 * time.Microsecond, Status: 503, Error: "no", Body: "ä"}
		return errors.Join(tx.UpdateDelivery(ctx, delivery), tx.InsertAttempt(ctx, attempt))
	})
	got, attempts, err := s.Delivery(t.Context(), endpoint.ID, ids[0])
	if err != nil || got.State != store.Retrying || got.Attempts != 7 || got.Round != 3 || !got.NextAt.Equal(at.Add(time.Hour)) ||
		got.Status != 503 || got.Error != "no" || !got.ChangedAt.Equal(at.Add(time.Minute)) {
		t.Errorf("it is %+v, %v", got, err)
	}
	if len(attempts) != 1 || attempts[0].Took != 1500*time.Microsecond || !attempts[0].At.Equal(at) ||
		attempts[0].Body != "ä" || attempts[0].Status != 503 || attempts[0].Error != "no" {
		t.Errorf("attempts are %+v", attempts)
	}
	if _, _, err := s.Delivery(t.Context(), uuid.New(), ids[0]); !errors.Is(err, store.ErrNoDelivery) {
		t.Errorf("of another endpoint: %v", err)
	}
	page := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID, States: []store.DeliveryState{store.Waiting, store.Retrying}, Limit: 2})
	rest := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID, States: []store.DeliveryState{store.Waiting, store.Retrying}, Before: page[1].Seq})
	if !slices.Equal(idsOf(append(page, rest...)), []uuid.UUID{ids[4], ids[3], ids[2], ids[0]}) {
		t.Errorf("pages are %v and %v", idsOf(page), idsOf(rest))
	}
	pending, err := s.PendingDeliveries(t.Context(), 2)
	if err != nil || pending[store.Waiting] != 2 || pending[store.Released] != 1 || pending[store.Retrying] != 1 || pending[store.Behind] != 0 {
		t.Errorf("pending are %v, %v", pending, err)
	}
}

func roomsAdvance(t *testing.T, s store.Store) {
	endpoint, room, other := newEndpoint(t, s, nil), uuid.New(), uuid.New()
	ids := deliver(t, s, endpoint.ID, room, store.Behind, 3)
	others := deliver(t, s, endpoint.ID, other, store.Behind, 1)
	advance := func(ctx context.Context, tx store.WebhookTx) error {
		return errors.Join(tx.Advance(ctx, endpoint.ID, room), tx.Advance(ctx, endpoint.ID, room), tx.Advance(ctx, endpoint.ID, uuid.New()))
	}
	for _, id := range ids {
		change(t, s, advance)
		if waiting := waitingAt(t, s, endpoint.ID); !slices.Equal(waiting, []uuid.UUID{id}) {
			t.Fatalf("waiting are %v, want %v", waiting, id)
		}
		for _, state := range []store.DeliveryState{store.Released, store.Retrying, store.Delivered} {
			change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
				if err := tx.Advance(ctx, endpoint.ID, room); err != nil {
					return err
				}
				delivery, err := tx.LockDelivery(ctx, id)
				if err != nil {
					return err
				}
				delivery.State = state
				return tx.UpdateDelivery(ctx, delivery)
			})
		}
	}
	if behind := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID, States: []store.DeliveryState{store.Behind}}); !slices.Equal(idsOf(behind), others) {
		t.Errorf("behind are %v", idsOf(behind))
	}
}

func strandedIsFound(t *testing.T, s store.Store) {
	stranded := func(before time.Time) []uuid.UUID {
		t.Helper()
		ids, err := s.Stranded(t.Context(), before, 10)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	waiting := newEndpoint(t, s, nil)
	deliver(t, s, waiting.ID, uuid.Nil, store.Waiting, 1)
	down := newEndpoint(t, s, nil)
	down.ClosedUntil = at.Add(time.Hour)
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.UpdateHealth(ctx, down) })
	deliver(t, s, down.ID, uuid.Nil, store.Waiting, 1)
	paused := newEndpoint(t, s, func(e *store.Endpoint) { e.Status = store.EndpointPaused })
	deliver(t, s, paused.ID, uuid.Nil, store.Waiting, 1)
	busy := newEndpoint(t, s, nil)
	deliver(t, s, busy.ID, uuid.Nil, store.Waiting, 1)
	deliver(t, s, busy.ID, uuid.Nil, store.Released, 1)
	if got := stranded(at); !slices.Equal(got, []uuid.UUID{waiting.ID}) {
		t.Errorf("stranded are %v, want %v", got, waiting.ID)
	}
	if got := stranded(at.Add(time.Second)); len(got) != 2 || !slices.Contains(got, busy.ID) {
		t.Errorf("then stranded are %v", got)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.Loosen(ctx, busy.ID, at) })
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		if n, err := tx.CountReleased(ctx, busy.ID); err != nil || n != 1 {
			t.Errorf("what is new is loosened: %d, %v", n, err)
		}
		return tx.Loosen(ctx, busy.ID, at.Add(time.Second))
	})
	if all := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: busy.ID, States: []store.DeliveryState{store.Waiting}}); len(all) != 2 {
		t.Errorf("waiting are %+v", all)
	}
}

func settledIsReplayed(t *testing.T, s store.Store) {
	endpoint := newEndpoint(t, s, nil)
	delivered := deliver(t, s, endpoint.ID, uuid.Nil, store.Delivered, 4)
	givenUp := deliver(t, s, endpoint.ID, uuid.Nil, store.GivenUp, 4)
	deliver(t, s, endpoint.ID, uuid.Nil, store.Retrying, 4)
	replay := func(limit int, state store.DeliveryState) (n int, last time.Time) {
		t.Helper()
		change(t, s, func(ctx context.Context, tx store.WebhookTx) (err error) {
			query := store.ReplayQuery{EndpointID: endpoint.ID, State: state, Since: at.Add(time.Second), Until: at.Add(3 * time.Second), Limit: limit}
			n, last, err = tx.Replay(ctx, query, at.Add(time.Hour))
			return err
		})
		return n, last
	}
	if n, last := replay(1, store.GivenUp); n != 1 || !last.Equal(at.Add(time.Second)) {
		t.Errorf("replayed are %d, until %s", n, last)
	}
	for state, want := range map[store.DeliveryState]int{store.GivenUp: 1, store.Delivered: 2} {
		if n, last := replay(10, state); n != want || !last.Equal(at.Add(2*time.Second)) {
			t.Errorf("then replayed are %d, until %s", n, last)
		}
		if n, _ := replay(10, state); n != 0 {
			t.Errorf("then replayed are %d", n)
		}
	}
	waiting := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID, States: []store.DeliveryState{store.Waiting}})
	want := []uuid.UUID{delivered[1], delivered[2], givenUp[1], givenUp[2]}
	if got := idsOf(waiting); len(got) != 4 || slices.ContainsFunc(want, func(id uuid.UUID) bool { return !slices.Contains(got, id) }) {
		t.Errorf("waiting are %v", got)
	}
	if waiting[0].Round != 0 || !waiting[0].ChangedAt.Equal(at.Add(time.Hour)) {
		t.Errorf("replayed is %+v", waiting[0])
	}
}

func oldIsRemoved(t *testing.T, s store.Store) {
	endpoint := newEndpoint(t, s, nil)
	pending := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 2)
	settled := deliver(t, s, endpoint.ID, uuid.Nil, store.Delivered, 3)
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.InsertAttempt(ctx, store.Attempt{DeliveryID: settled[0], Number: 1, At: at})
	})
	if old, err := s.Old(t.Context(), at, 10); err != nil || len(old) != 0 {
		t.Errorf("old are %+v, %v", old, err)
	}
	old, err := s.Old(t.Context(), at.Add(time.Second), 10)
	if got := idsOf(old); err != nil || len(got) != 2 || !slices.Contains(got, pending[0]) || !slices.Contains(got, pending[1]) {
		t.Errorf("old are %+v, %v", old, err)
	}
	remove := func(before time.Time, want int) {
		t.Helper()
		if n, err := s.RemoveOld(t.Context(), before, 2); err != nil || n != want {
			t.Errorf("removed are %d, %v, want %d", n, err, want)
		}
	}
	remove(at, 0)
	remove(at.Add(time.Second), 4) // two deliveries with their events
	remove(at.Add(time.Second), 2)
	remove(at.Add(time.Second), 0)
	if left := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID}); len(left) != 2 {
		t.Errorf("left are %+v", left)
	}
	if sending, err := s.Sending(t.Context(), pending[0], at); err != nil || len(sending.Body) == 0 {
		t.Errorf("what is pending has lost its event: %+v, %v", sending, err)
	}
}

func deletedEndpointLeavesNothing(t *testing.T, s store.Store) {
	endpoint, other := newEndpoint(t, s, nil), newEndpoint(t, s, nil)
	ids := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 3)
	kept := deliver(t, s, other.ID, uuid.Nil, store.Waiting, 1)
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.DeleteEndpoint(ctx, endpoint.ID) })
	if _, err := s.Endpoint(t.Context(), endpoint.ID); !errors.Is(err, store.ErrNoEndpoint) {
		t.Errorf("it is there: %v", err)
	}
	if _, err := s.Sending(t.Context(), ids[0], at); !errors.Is(err, store.ErrNoEndpoint) {
		t.Errorf("it is sent to: %v", err)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		if _, err := tx.LockEndpoint(ctx, endpoint.ID); !errors.Is(err, store.ErrNoEndpoint) {
			t.Errorf("it can be locked: %v", err)
		}
		return nil
	})
	for range 5 {
		if _, err := s.RemoveOld(t.Context(), at.Add(time.Second), 2); err != nil {
			t.Fatal(err)
		}
	}
	if left := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID}); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
	if left := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: other.ID}); !slices.Equal(idsOf(left), kept) {
		t.Errorf("of the other one left are %+v", left)
	}
	if all, err := s.Endpoints(t.Context(), uuid.Nil, 10); err != nil || len(all) != 1 {
		t.Errorf("endpoints are %+v, %v", all, err)
	}
}

func refusedChangeLeavesNothing(t *testing.T, s store.Store) {
	endpoint, refusal := newEndpoint(t, s, nil), errors.New("refused")
	ids := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 1)
	err := s.ChangeWebhooks(t.Context(), "test", func(ctx context.Context, tx store.WebhookTx) error {
		released, err := tx.Release(ctx, endpoint.ID, 1, at)
		if err != nil || len(released) != 1 {
			t.Errorf("released are %v, %v", released, err)
		}
		if err := tx.Enqueue(ctx, []store.Job{{Kind: store.JobSend, EndpointID: endpoint.ID, DeliveryID: ids[0]}}); err != nil {
			t.Error(err)
		}
		return refusal
	})
	if !errors.Is(err, refusal) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("it gives %v", err)
	}
	if got, _, err := s.Delivery(t.Context(), endpoint.ID, ids[0]); err != nil || got.State != store.Waiting {
		t.Errorf("it is %+v, %v", got, err)
	}
	done := run(t, s, func(context.Context, store.Job) error { return nil })
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Enqueue(ctx, []store.Job{{Kind: store.JobRelease}})
	})
	servicetest.Await(t, "the job is done", func() bool { return len(done()) == 1 })
	if jobs := done(); jobs[0].Kind != store.JobRelease {
		t.Errorf("done are %+v", jobs)
	}
}

// run does the store's jobs until the test ends. What it gives are those that were begun.
func run(t *testing.T, s store.Store, handle func(ctx context.Context, job store.Job) error) (begun func() []store.Job) {
	t.Helper()
	var (
		mu   sync.Mutex
		jobs []store.Job
	)
	t.Cleanup(servicetest.Run(t, "jobs", func(ctx context.Context) error {
		return s.RunJobs(ctx, 10, slog.New(slog.DiscardHandler), func(ctx context.Context, job store.Job) error {
			mu.Lock()
			jobs = append(jobs, job)
			mu.Unlock()
			return handle(ctx, job)
		})
	}))
	return func() []store.Job {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(jobs)
	}
}

func jobsAreDone(t *testing.T, s store.Store) {
	failed := false
	endpoint, id := uuid.New(), uuid.New()
	begun := run(t, s, func(_ context.Context, job store.Job) error {
		if job.Kind == store.JobSend && !failed {
			failed = true
			return errors.New("not now")
		}
		return nil
	})
	due := time.Now().Add(1500 * time.Millisecond)
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Enqueue(ctx, []store.Job{
			{Kind: store.JobDue, EndpointID: endpoint, DeliveryID: id, Attempts: 3, At: due},
			{Kind: store.JobSend, EndpointID: endpoint, DeliveryID: id, Attempts: 2},
		})
	})
	servicetest.Await(t, "the first job is done", func() bool { return len(begun()) > 0 })
	if job := begun()[0]; job.Kind != store.JobSend || job.EndpointID != endpoint || job.DeliveryID != id || job.Attempts != 2 {
		t.Errorf("done is %+v", job)
	}
	servicetest.Await(t, "all jobs are done", func() bool { return len(begun()) >= 3 })
	if now := time.Now(); now.Before(due) {
		t.Errorf("one is done %s early", due.Sub(now))
	}
	kinds := map[store.JobKind]int{}
	for _, job := range begun() {
		kinds[job.Kind]++
	}
	if kinds[store.JobSend] != 2 || kinds[store.JobDue] != 1 {
		t.Errorf("done are %+v", begun())
	}
}

// A process that stops does not wait for a receiver for ever. Whoever runs next does the job.
func brokenOffIsDoneAgain(t *testing.T, s store.Store) {
	begun := make(chan struct{})
	stop := servicetest.Run(t, "jobs", func(ctx context.Context) error {
		return s.RunJobs(ctx, 10, slog.New(slog.DiscardHandler), func(ctx context.Context, _ store.Job) error {
			close(begun)
			<-ctx.Done()
			return context.Cause(ctx)
		})
	})
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Enqueue(ctx, []store.Job{{Kind: store.JobSend, DeliveryID: uuid.New()}})
	})
	<-begun
	stop()
	done := run(t, s, func(context.Context, store.Job) error { return nil })
	servicetest.Await(t, "the job is done", func() bool { return len(done()) == 1 })
}

// JobOfADeadProcess plays a process that is killed while it does a job. Orphan has River's row of the job look as such a process leaves it: under way, since
// minutes ago.
func JobOfADeadProcess(t *testing.T, s store.Store, orphan func()) {
	t.Helper()
	id := uuid.New()
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Enqueue(ctx, []store.Job{{Kind: store.JobSend, DeliveryID: id}})
	})
	orphan()
	done := run(t, s, func(context.Context, store.Job) error { return nil })
	servicetest.Await(t, "the job is done", func() bool { return len(done()) == 1 })
	if job := done()[0]; job.DeliveryID != id {
		t.Errorf("done is %+v", job)
	}
}
