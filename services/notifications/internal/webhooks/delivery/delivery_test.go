package delivery_test

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/sqlite"
	"github.com/ism-chat/ism/services/notifications/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var begin = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// world is deliveries on a real store, with a clock, a queue of jobs and lanes that the test turns.
type world struct {
	t          *testing.T
	rows       *queued
	now        time.Time
	deliveries *delivery.Deliveries
	lanes      []*delivery.Lane // that were claimed
	receivers  map[uuid.UUID]func(sending store.Sending) delivery.Outcome
	sent       []sent
}

// sent is a webhook that a receiver was sent.
type sent struct {
	endpoint, delivery, event, room uuid.UUID
	at                              time.Time
}

// queued is a store whose jobs the test does, once they are committed.
type queued struct {
	store.Store

	jobs []store.Job
}

func (q *queued) ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx store.WebhookTx) error) error {
	var enqueued []store.Job
	err := q.Store.ChangeWebhooks(ctx, operation, func(ctx context.Context, tx store.WebhookTx) error {
		enqueued = nil
		return change(ctx, queuedTx{tx, &enqueued})
	})
	if err == nil {
		q.jobs = append(q.jobs, enqueued...)
	}
	return err
}

type queuedTx struct {
	store.WebhookTx

	jobs *[]store.Job
}

func (t queuedTx) Enqueue(_ context.Context, jobs []store.Job) error {
	*t.jobs = append(*t.jobs, jobs...)
	return nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	rows := storetest.Start(t, sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "notifications.db")}, telemetry.Discard(nil)))
	w := &world{t: t, rows: &queued{Store: rows}, now: begin, receivers: map[uuid.UUID]func(store.Sending) delivery.Outcome{}}
	limits := delivery.Limits{Attempt: 15 * time.Second, AtOnce: 1, DisableAfter: 5 * 24 * time.Hour, GiveUpAfter: 7 * 24 * time.Hour}
	w.deliveries = delivery.New(w.rows, w, limits, func() time.Time { return w.now }, telemetry.Discard(slog.New(slog.DiscardHandler)))
	w.deliveries.PlayLanes(func(lane *delivery.Lane) { w.lanes = append(w.lanes, lane) })
	return w
}

// Send implements [delivery.Sender].
func (w *world) Send(_ context.Context, sending store.Sending) delivery.Outcome {
	w.sent = append(w.sent, sent{sending.Endpoint.ID, sending.Delivery.ID, sending.Delivery.EventID, sending.Delivery.RoomID, w.now})
	outcome := w.receivers[sending.Endpoint.ID](sending)
	outcome.At = w.now
	return outcome
}

func answers(status int) func(store.Sending) delivery.Outcome {
	return func(store.Sending) delivery.Outcome { return delivery.Outcome{Status: status} }
}

func (w *world) endpoint(receiver func(store.Sending) delivery.Outcome, with ...func(*store.Endpoint)) uuid.UUID {
	w.t.Helper()
	endpoint := store.Endpoint{
		ID: uuid.New(), URL: "https://example.com", Types: []string{"a"}, Scheme: "v1", Concurrency: 3, Status: store.EndpointActive, CreatedAt: begin, UpdatedAt: begin,
	}
	for _, change := range with {
		change(&endpoint)
	}
	w.receivers[endpoint.ID] = receiver
	w.must(w.rows.ChangeWebhooks(w.t.Context(), "test", func(ctx context.Context, tx store.WebhookTx) error {
		return tx.InsertEndpoint(ctx, endpoint, store.Secret{Text: "secret", CreatedAt: begin})
	}))
	return endpoint.ID
}

func ordered(e *store.Endpoint) { e.Ordered = true }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// take takes a webhook of a room for endpoints.
func (w *world) take(room uuid.UUID, endpoints ...uuid.UUID) payload.Webhook {
	w.t.Helper()
	webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeMessageCreated, RoomID: room, At: w.now, Body: []byte("{}")}
	w.must(w.deliveries.Take(w.t.Context(), []delivery.Taken{{Webhook: webhook, Endpoints: endpoints}}))
	return webhook
}

// play sends what is claimed, and does jobs when they are due, for so long.
func (w *world) play(duration time.Duration) {
	w.t.Helper()
	end := w.now.Add(duration)
	for {
		if len(w.lanes) > 0 {
			w.must(w.deliveries.Settle(w.t.Context(), w.drive()))
			continue
		}
		job, ok := w.next(end)
		if !ok {
			break
		}
		w.must(w.deliveries.Do(w.t.Context(), job))
	}
	w.now = end
}

// drive sends the first lane that was claimed.
func (w *world) drive() []delivery.Answer {
	lane := w.lanes[0]
	w.lanes = w.lanes[1:]
	return w.deliveries.Drive(w.t.Context(), w, lane)
}

// lanesTo is how many lanes are claimed of an endpoint, and how many deliveries are in them.
func (w *world) lanesTo(endpoint uuid.UUID) (lanes, deliveries int) {
	for _, lane := range w.lanes {
		if lane.EndpointID() == endpoint {
			lanes, deliveries = lanes+1, deliveries+lane.Len()
		}
	}
	return lanes, deliveries
}

// next takes the first job that is due until the end, and turns the clock to it.
func (w *world) next(end time.Time) (store.Job, bool) {
	first := -1
	for i, job := range w.rows.jobs {
		if !job.At.After(end) && (first < 0 || job.At.Before(w.rows.jobs[first].At)) {
			first = i
		}
	}
	if first < 0 {
		return store.Job{}, false
	}
	job := w.rows.jobs[first]
	w.rows.jobs = slices.Delete(w.rows.jobs, first, first+1)
	if job.At.After(w.now) {
		w.now = job.At
	}
	return job, true
}

func (w *world) states(endpoint uuid.UUID) map[store.DeliveryState]int {
	w.t.Helper()
	all, err := w.rows.Deliveries(w.t.Context(), store.DeliveryQuery{EndpointID: endpoint, Limit: 10_000})
	w.must(err)
	states := map[store.DeliveryState]int{}
	for _, one := range all {
		states[one.State]++
	}
	return states
}

func (w *world) sentTo(endpoint uuid.UUID) (all []sent) {
	for _, one := range w.sent {
		if one.endpoint == endpoint {
			all = append(all, one)
		}
	}
	return all
}

func (w *world) status(endpoint uuid.UUID) store.Endpoint {
	w.t.Helper()
	e, err := w.rows.Endpoint(w.t.Context(), endpoint)
	w.must(err)
	return e
}

func TestAWebhookIsSentAtOnceAndOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.endpoint(answers(204)), w.endpoint(answers(200))
	webhook := w.take(uuid.Nil, one, other, uuid.New())
	again := []delivery.Taken{{Webhook: webhook, Endpoints: []uuid.UUID{one, other}}}
	w.must(w.deliveries.Take(t.Context(), again)) // as when a record is read again
	w.play(0)
	w.must(w.deliveries.Take(t.Context(), again))
	w.play(time.Hour)
	for _, endpoint := range []uuid.UUID{one, other} {
		all := w.sentTo(endpoint)
		if len(all) != 1 || all[0].event != webhook.ID || all[0].delivery != delivery.IDOf(endpoint, webhook.ID) || !all[0].at.Equal(begin) {
			t.Errorf("sent are %+v", all)
		}
		if states := w.states(endpoint); states[store.Delivered] != 1 || len(states) != 1 {
			t.Errorf("deliveries are %v", states)
		}
	}
}

func TestAReceiverThatFailsForAnHourIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(func(store.Sending) delivery.Outcome {
		if w.now.Before(begin.Add(time.Hour)) {
			return delivery.Outcome{Status: 500, Error: ""}
		}
		return delivery.Outcome{Status: 200}
	})
	for range 20 {
		w.take(uuid.Nil, endpoint)
	}
	w.play(time.Hour)
	if n := len(w.sentTo(endpoint)); n < 12 || n > 40 {
		t.Errorf("within an hour it was sent %d: it is to be asked seldom, and not given up", n)
	}
	if e := w.status(endpoint); e.Failures < schedule.Failures || !e.FailingSince.Equal(begin) || e.ClosedUntil.IsZero() {
		t.Errorf("it is %+v", e)
	}
	before := len(w.sent)
	w.play(6 * time.Minute)
	if len(w.sent) == before {
		t.Error("up again, it is not asked within six minutes")
	}
	w.play(24 * time.Hour)
	if states := w.states(endpoint); states[store.Delivered] != 20 {
		t.Errorf("deliveries are %v", states)
	}
	if e := w.status(endpoint); e.Failures != 0 || !e.FailingSince.IsZero() || !e.ClosedUntil.IsZero() {
		t.Errorf("it is %+v", e)
	}
}

func TestAWebhookIsGivenUpAfterTenAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(answers(500))
	webhook := w.take(uuid.Nil, endpoint)
	w.play(4 * 24 * time.Hour)
	all := w.sentTo(endpoint)
	if len(all) != schedule.Attempts {
		t.Fatalf("it was sent %d times", len(all))
	}
	least := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	for i, wait := range least {
		if waited := all[i+1].at.Sub(all[i].at); waited < wait || waited > wait+wait/10+6*time.Minute {
			t.Errorf("attempt %d came %s after the one before", i+2, waited)
		}
	}
	got, attempts, err := w.rows.Delivery(t.Context(), endpoint, delivery.IDOf(endpoint, webhook.ID))
	if err != nil || got.State != store.GivenUp || got.Attempts != schedule.Attempts || len(attempts) != schedule.Attempts || attempts[9].Number != 10 || attempts[9].Status != 500 {
		t.Errorf("it is %+v with %d attempts, %v", got, len(attempts), err)
	}
	if e := w.status(endpoint); e.Status != store.EndpointActive {
		t.Errorf("after four days it is %s", e.Status)
	}
	w.take(uuid.Nil, endpoint)
	w.play(2 * 24 * time.Hour)
	if e := w.status(endpoint); e.Status != store.EndpointDisabled || e.Reason != delivery.Failing {
		t.Errorf("after six days it is %s, %s", e.Status, e.Reason)
	}
	before := len(w.sent)
	w.take(uuid.Nil, endpoint)
	w.play(24 * time.Hour)
	if len(w.sent) != before || len(w.states(endpoint)) == 3 {
		t.Error("a disabled endpoint gets more")
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(func(store.Sending) delivery.Outcome {
		return delivery.Outcome{Status: 429, RetryAfter: 10 * time.Minute}
	})
	w.take(uuid.Nil, endpoint)
	w.play(20 * time.Minute)
	if all := w.sentTo(endpoint); len(all) != 2 || all[1].at.Sub(all[0].at) < 10*time.Minute {
		t.Errorf("sent are %+v", all)
	}
}

func TestGoneDisablesAnEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(answers(410))
	for range 10 {
		w.take(uuid.Nil, endpoint)
	}
	w.play(24 * time.Hour)
	if e := w.status(endpoint); e.Status != store.EndpointDisabled || e.Reason != delivery.Gone {
		t.Errorf("it is %s, %s", e.Status, e.Reason)
	}
	if states := w.states(endpoint); len(w.sent) != 1 || states[store.GivenUp] != 1 || states[store.Waiting] != 9 {
		t.Errorf("sent are %d, deliveries are %v", len(w.sent), states)
	}
	w.now = begin.Add(8 * 24 * time.Hour)
	w.must(w.deliveries.Sweep(t.Context()))
	if states := w.states(endpoint); states[store.GivenUp] != 9 || len(states) != 1 {
		t.Errorf("after a week deliveries are %v", states)
	}
	w.now = begin.Add(16 * 24 * time.Hour)
	w.must(w.deliveries.Sweep(t.Context()))
	if states := w.states(endpoint); len(states) != 0 {
		t.Errorf("after two weeks deliveries are %v", states)
	}
}

// An endpoint has no more under way than it takes at once, whatever waits, so workers are left for others.
func TestAnEndpointHasNoMoreUnderWayThanItTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dead, healthy := w.endpoint(answers(500)), w.endpoint(answers(200))
	for range 50 {
		w.take(uuid.Nil, dead)
	}
	if lanes, deliveries := w.lanesTo(dead); lanes != 3 || deliveries != 3 {
		t.Errorf("it has %d lanes with %d", lanes, deliveries)
	}
	for minute := range 120 {
		w.take(uuid.Nil, dead, healthy)
		if lanes, deliveries := w.lanesTo(dead); lanes > 3 || minute > 1 && deliveries > 1 {
			t.Fatalf("in minute %d it has %d lanes with %d", minute, lanes, deliveries)
		}
		if lanes, _ := w.lanesTo(healthy); lanes != 1 {
			t.Fatalf("the healthy one has %d lanes", lanes)
		}
		w.play(time.Minute)
	}
	if n := len(w.sentTo(healthy)); n != 120 {
		t.Errorf("the healthy one was sent %d", n)
	}
	if n := len(w.sentTo(dead)); n > 5+120 {
		t.Errorf("the dead one was sent %d", n)
	}
}

func TestRoomsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fails, order := map[uuid.UUID]int{}, map[uuid.UUID][]uuid.UUID{}
	endpoint := w.endpoint(func(sending store.Sending) delivery.Outcome {
		if fails[sending.Delivery.RoomID]++; fails[sending.Delivery.RoomID]%3 != 0 { // two of three fail
			return delivery.Outcome{Status: 503}
		}
		order[sending.Delivery.RoomID] = append(order[sending.Delivery.RoomID], sending.Delivery.EventID)
		return delivery.Outcome{Status: 200}
	}, ordered)
	rooms, want := []uuid.UUID{uuid.New(), uuid.New()}, map[uuid.UUID][]uuid.UUID{}
	for range 5 {
		for _, room := range rooms {
			want[room] = append(want[room], w.take(room, endpoint).ID)
		}
		w.play(time.Second)
	}
	w.play(24 * time.Hour)
	for _, room := range rooms {
		if !slices.Equal(order[room], want[room]) {
			t.Errorf("taken are %v, want %v", order[room], want[room])
		}
	}
	if states := w.states(endpoint); states[store.Delivered] != 10 || len(states) != 1 {
		t.Errorf("deliveries are %v", states)
	}
}

// What is given up does not hold up its room for ever, also where several are taken at once.
func TestARoomGoesOnBehindWhatIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bad uuid.UUID
	endpoint := w.endpoint(func(sending store.Sending) delivery.Outcome {
		if sending.Delivery.EventID == bad {
			return delivery.Outcome{Status: 400}
		}
		return delivery.Outcome{Status: 200}
	}, ordered)
	room := uuid.New()
	var all []delivery.Taken
	for range 3 {
		webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeMessageCreated, RoomID: room, At: w.now, Body: []byte("{}")}
		all = append(all, delivery.Taken{Webhook: webhook, Endpoints: []uuid.UUID{endpoint}})
	}
	bad = all[0].Webhook.ID
	w.must(w.deliveries.Take(t.Context(), all))
	w.play(time.Hour)
	if states := w.states(endpoint); states[store.Behind] != 2 {
		t.Errorf("deliveries are %v", states)
	}
	w.play(4 * 24 * time.Hour)
	if states := w.states(endpoint); states[store.Delivered] != 2 || states[store.GivenUp] != 1 {
		t.Errorf("deliveries are %v", states)
	}
}

// What a process that dies has sent and not recorded is sent again once its lease has ended, under the same id, and recorded once; also where the process
// was only slow, and comes to record it later.
func TestWhatIsNotRecordedIsSentAgainUnderTheSameID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(answers(200))
	webhook := w.take(uuid.Nil, endpoint)
	lost := w.drive()
	w.must(w.deliveries.Sweep(t.Context()))
	w.play(30 * time.Second)
	if states := w.states(endpoint); states[store.Released] != 1 || len(w.sent) != 1 {
		t.Errorf("deliveries are %v, sent are %d", states, len(w.sent))
	}
	w.play(time.Minute)
	w.must(w.deliveries.Sweep(t.Context()))
	w.play(0)
	all := w.sentTo(endpoint)
	if len(all) != 2 || all[0].event != webhook.ID || all[1].event != webhook.ID {
		t.Errorf("sent are %+v", all)
	}
	for range 2 {
		w.must(w.deliveries.Settle(t.Context(), lost))
	}
	got, attempts, err := w.rows.Delivery(t.Context(), endpoint, delivery.IDOf(endpoint, webhook.ID))
	if err != nil || got.State != store.Delivered || got.Attempts != 1 || len(attempts) != 1 {
		t.Errorf("it is %+v with %d attempts, %v", got, len(attempts), err)
	}
}

// Who settles late changes nothing of what somebody else has made of a delivery, and takes nothing away from who has claimed it since.
func TestALateSettleChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status := 500
	endpoint := w.endpoint(func(store.Sending) delivery.Outcome { return delivery.Outcome{Status: status} })
	w.take(uuid.Nil, endpoint)
	late := w.drive()
	unsent := []delivery.Answer{{Delivery: late[0].Delivery, Unsent: true}}
	w.now = w.now.Add(2 * time.Minute)
	w.must(w.deliveries.Sweep(t.Context())) // somebody else claims it
	w.must(w.deliveries.Settle(t.Context(), unsent))
	if states := w.states(endpoint); states[store.Released] != 1 {
		t.Errorf("deliveries are %v", states)
	}
	status = 200
	w.play(0)
	before := w.status(endpoint)
	w.must(w.deliveries.Settle(t.Context(), late))
	w.must(w.deliveries.Settle(t.Context(), unsent))
	if states, after := w.states(endpoint), w.status(endpoint); states[store.Delivered] != 1 || after.Failures != before.Failures || len(w.rows.jobs) > 0 {
		t.Errorf("deliveries are %v, the endpoint is %+v", states, after)
	}
}

// An endpoint that answers is handed many for each lane, one that fails one alone.
func TestALaneIsFilledWhileItsEndpointTakesAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status := 200
	endpoint := w.endpoint(func(store.Sending) delivery.Outcome { return delivery.Outcome{Status: status} })
	takeMany := func() {
		var all []delivery.Taken
		for range 100 {
			webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeMessageCreated, At: w.now, Body: []byte("{}")}
			all = append(all, delivery.Taken{Webhook: webhook, Endpoints: []uuid.UUID{endpoint}})
		}
		w.must(w.deliveries.Take(t.Context(), all))
	}
	takeMany()
	if lanes, deliveries := w.lanesTo(endpoint); lanes != 3 || deliveries != 48 {
		t.Errorf("%d lanes have %d", lanes, deliveries)
	}
	w.play(0)
	if states := w.states(endpoint); states[store.Delivered] != 100 {
		t.Errorf("deliveries are %v", states)
	}
	status = 500
	takeMany()
	w.must(w.deliveries.Settle(t.Context(), w.drive()))
	if n := len(w.sent); n != 101 {
		t.Errorf("behind a failure %d are sent", n-100)
	}
	last := w.lanes[len(w.lanes)-1]
	if last.Len() != 1 {
		t.Errorf("after a failure a lane has %d", last.Len())
	}
}

// A process that sends nothing leaves what it takes to one that does.
func TestAProcessThatDoesNotSendLeavesItToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(answers(200))
	idle := delivery.New(w.rows, w, delivery.Limits{Attempt: time.Second}, func() time.Time { return w.now }, telemetry.Discard(nil))
	webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeMessageCreated, At: w.now, Body: []byte("{}")}
	w.must(idle.Take(t.Context(), []delivery.Taken{{Webhook: webhook, Endpoints: []uuid.UUID{endpoint}}}))
	if states := w.states(endpoint); states[store.Waiting] != 1 || len(w.rows.jobs) != 1 {
		t.Errorf("deliveries are %v, jobs are %+v", states, w.rows.jobs)
	}
	if err := idle.Do(t.Context(), w.rows.jobs[0]); err == nil {
		t.Error("it does a job")
	}
	w.play(0)
	if states := w.states(endpoint); states[store.Delivered] != 1 {
		t.Errorf("deliveries are %v", states)
	}
}

// A job that is lost is made anew by the sweep, whichever it was.
func TestNoJobThatIsLostStrandsADelivery(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.JobKind{"", store.JobDue, store.JobRelease} { // none: what was claimed is lost
		t.Run(cmp.Or(string(kind), "lanes"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			failing := true
			endpoint := w.endpoint(func(store.Sending) delivery.Outcome {
				if failing {
					return delivery.Outcome{Status: 500}
				}
				return delivery.Outcome{Status: 200}
			})
			for range 10 {
				w.take(uuid.Nil, endpoint)
			}
			if kind == "" {
				w.lanes = nil
			} else {
				w.play(2 * time.Second)
			}
			w.rows.jobs = slices.DeleteFunc(w.rows.jobs, func(job store.Job) bool { return job.Kind == kind })
			failing = false
			for range 60 {
				w.must(w.deliveries.Sweep(t.Context()))
				w.play(time.Minute)
			}
			if states := w.states(endpoint); states[store.Delivered] != 10 {
				t.Errorf("deliveries are %v", states)
			}
		})
	}
}

func TestAPausedEndpointGetsItsWebhooksLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint(answers(200))
	set := func(status store.EndpointStatus) {
		w.must(w.rows.ChangeWebhooks(t.Context(), "test", func(ctx context.Context, tx store.WebhookTx) error {
			e, err := tx.LockEndpoint(ctx, endpoint)
			if err != nil {
				return err
			}
			e.Status = status
			return tx.UpdateEndpoint(ctx, e)
		}))
	}
	w.take(uuid.Nil, endpoint) // is claimed
	set(store.EndpointPaused)
	w.now = w.now.Add(500 * time.Millisecond) // by then every process knows
	w.take(uuid.Nil, endpoint)
	w.play(time.Hour)
	if states := w.states(endpoint); len(w.sent) != 0 || states[store.Waiting] != 2 {
		t.Errorf("sent are %d, deliveries are %v", len(w.sent), states)
	}
	set(store.EndpointActive)
	w.must(w.deliveries.Release(t.Context(), endpoint))
	w.play(time.Second)
	if states := w.states(endpoint); states[store.Delivered] != 2 {
		t.Errorf("deliveries are %v", states)
	}
}
