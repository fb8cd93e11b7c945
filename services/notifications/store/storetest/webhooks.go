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
			event := store.WebhookEvent{ID: uuid.New(), Type: "a", RoomID: room, HappenedAt: at.Add(time.Duration(i) * time.Second), TakenAt: at, Body: []byte(`{"a":"\u0000"}`), Trace: "00-a-b-01"}
			delivery := store.Delivery{
				ID: uuid.New(), EndpointID: endpoint, EventID: event.ID, Type: event.Type, RoomID: room, HappenedAt: event.HappenedAt, State: state, ChangedAt: at,
			}
			events, deliveries, ids = append(events, event), append(deliveries, delivery), append(ids, delivery.ID)
		}
		return insert(ctx, tx, events, deliveries)
	})
	return ids
}

func insert(ctx context.Context, tx store.WebhookTx, events []store.WebhookEvent, deliveries []store.Delivery) error {
	if err := tx.InsertEvents(ctx, events); err != nil {
		return err
	}
	_, err := tx.InsertDeliveries(ctx, deliveries)
	return err
}

// claim claims what waits at an endpoint, for two lanes until a minute after at.
func claim(t *testing.T, s store.Store, endpoint uuid.UUID, perLane, bytes int) (claimed []store.Claimed) {
	t.Helper()
	change(t, s, func(ctx context.Context, tx store.WebhookTx) (err error) {
		lease := store.Lease{EndpointID: endpoint, Lanes: []int{1, 3}, PerLane: perLane, Bytes: bytes, Until: at.Add(time.Minute)}
		claimed, err = tx.Claim(ctx, []store.Lease{lease}, at.Add(time.Second))
		return err
	})
	return claimed
}

func lanesAt(t *testing.T, s store.Store, endpoint uuid.UUID, now time.Time) (lanes store.Lanes) {
	t.Helper()
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		all, err := tx.Lanes(ctx, []uuid.UUID{endpoint}, now)
		lanes = all[endpoint]
		slices.Sort(lanes.Used)
		return err
	})
	return lanes
}

func update(t *testing.T, s store.Store, id uuid.UUID, do func(d *store.Delivery)) {
	t.Helper()
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		delivery, err := tx.LockDelivery(ctx, id)
		if err != nil {
			return err
		}
		do(&delivery)
		return tx.UpdateDeliveries(ctx, []store.Delivery{delivery})
	})
}

func idsOfClaimed(claimed []store.Claimed) (ids []uuid.UUID) {
	for _, one := range claimed {
		ids = append(ids, one.Delivery.ID)
	}
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
	endpoint, other := newEndpoint(t, s, nil), newEndpoint(t, s, nil)
	changes := func() int64 {
		t.Helper()
		n, err := s.EndpointChanges(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	rotate := func(expire time.Time, text string) {
		t.Helper()
		before := changes()
		change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
			return tx.Rotate(ctx, endpoint.ID, expire, store.Secret{Text: text, CreatedAt: at})
		})
		if changes() <= before {
			t.Error("who sends cannot tell that a secret is another")
		}
	}
	secrets := func(now time.Time) (texts []string) {
		t.Helper()
		change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
			all, err := tx.Secrets(ctx, []uuid.UUID{endpoint.ID, other.ID}, now)
			if err != nil {
				return err
			}
			if of := all[other.ID]; len(of) != 1 || of[0].Text != "first" || !of[0].CreatedAt.Equal(at) || !of[0].ExpiresAt.IsZero() {
				t.Errorf("the other one's are %+v", of)
			}
			texts = nil
			for _, secret := range all[endpoint.ID] {
				texts = append(texts, secret.Text)
			}
			return nil
		})
		return texts
	}
	rotate(at.Add(time.Hour), "second")
	rotate(at.Add(2*time.Hour), "third")
	for after, want := range map[time.Duration][]string{
		0: {"third", "second", "first"}, time.Hour - 1000: {"third", "second", "first"}, time.Hour: {"third", "second"}, 3 * time.Hour: {"third"},
	} {
		if got := secrets(at.Add(after)); !slices.Equal(got, want) {
			t.Errorf("after %s: %v, want %v", after, got, want)
		}
	}
	rotate(at, "fourth")
	if got := secrets(at); !slices.Equal(got, []string{"fourth"}) {
		t.Errorf("without an overlap: %v", got)
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
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		for i, delivery := range taken {
			event := store.WebhookEvent{ID: delivery.EventID, Type: "other", HappenedAt: at, TakenAt: at, Body: []byte("other")}
			if err := tx.InsertEvents(ctx, []store.WebhookEvent{event}); err != nil {
				return err
			}
			fresh := store.Delivery{ID: uuid.New(), EndpointID: endpoint.ID, EventID: event.ID, Type: "a", HappenedAt: at, State: store.Released, Lane: 2, NextAt: at, ChangedAt: at}
			if i > 0 {
				fresh = taken[0]
			}
			added, err := tx.InsertDeliveries(ctx, []store.Delivery{delivery, fresh})
			if err != nil {
				return err
			}
			if (i == 0) != slices.Equal(added, []uuid.UUID{fresh.ID}) || i > 0 && len(added) > 0 {
				t.Errorf("added are %v", added)
			}
		}
		return nil
	})
	all := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID})
	if len(all) != 6 || all[0].State != store.Released || all[0].Lane != 2 || !all[0].NextAt.Equal(at) {
		t.Errorf("there are %+v", all)
	}
	claimed := claim(t, s, endpoint.ID, 1, 1<<20)
	if len(claimed) != 2 || string(claimed[0].Body) != `{"a":"\u0000"}` {
		t.Fatalf("taken again it is %+v", claimed)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		delivery, err := tx.LockDelivery(ctx, ids[0])
		if err != nil {
			return err
		}
		delivery.State, delivery.Attempts, delivery.Round, delivery.NextAt, delivery.Lane = store.Retrying, 7, 3, at.Add(time.Hour), 0
		delivery.Status, delivery.Error, delivery.ChangedAt = 503, "no", at.Add(time.Minute)
		attempt := store.Attempt{DeliveryID: ids[0], Number: 1, At: at, Took: 1500 * time.Microsecond, Status: 503, Error: "no", Body: "ä"}
		return errors.Join(tx.UpdateDeliveries(ctx, []store.Delivery{delivery}), tx.InsertAttempts(ctx, []store.Attempt{attempt}))
	})
	got, attempts, err := s.Delivery(t.Context(), endpoint.ID, ids[0])
	if err != nil || got.State != store.Retrying || got.Attempts != 7 || got.Round != 3 || !got.NextAt.Equal(at.Add(time.Hour)) ||
		got.Status != 503 || got.Error != "no" || !got.ChangedAt.Equal(at.Add(time.Minute)) || got.Lane != 0 {
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
	if err != nil || pending[store.Waiting] != 2 || pending[store.Released] != 2 || pending[store.Retrying] != 1 || pending[store.Behind] != 0 {
		t.Errorf("pending are %v, %v", pending, err)
	}
}

func deliveriesAreClaimed(t *testing.T, s store.Store) {
	endpoint, other := newEndpoint(t, s, nil), newEndpoint(t, s, nil)
	ids := deliver(t, s, endpoint.ID, uuid.New(), store.Waiting, 5)
	others := deliver(t, s, other.ID, uuid.Nil, store.Waiting, 1)
	if lanes := lanesAt(t, s, endpoint.ID, at); len(lanes.Used) > 0 || lanes.Ended || !lanes.Waiting {
		t.Errorf("at first lanes are %+v", lanes)
	}
	claimed := claim(t, s, endpoint.ID, 2, 1<<20)
	if !slices.Equal(idsOfClaimed(claimed), ids[:4]) {
		t.Fatalf("claimed are %+v", claimed)
	}
	for i, one := range claimed {
		d := one.Delivery
		if d.State != store.Released || d.Lane != []int{1, 3, 1, 3}[i] || !d.NextAt.Equal(at.Add(time.Minute)) || !d.ChangedAt.Equal(at.Add(time.Second)) ||
			string(one.Body) != `{"a":"\u0000"}` || one.Trace != "00-a-b-01" || d.EndpointID != endpoint.ID || d.RoomID == uuid.Nil {
			t.Errorf("claimed is %+v", one)
		}
	}
	if lanes := lanesAt(t, s, endpoint.ID, at); !slices.Equal(lanes.Used, []int{1, 3}) || lanes.Ended || !lanes.Waiting {
		t.Errorf("then lanes are %+v", lanes)
	}
	if again := claim(t, s, endpoint.ID, 2, 1<<20); !slices.Equal(idsOfClaimed(again), ids[4:]) {
		t.Errorf("what is claimed is claimed again: %+v", again)
	}
	if none := claim(t, s, endpoint.ID, 2, 1<<20); len(none) != 0 {
		t.Errorf("claimed are %+v", none)
	}
	if left := claim(t, s, other.ID, 2, 1<<20); !slices.Equal(idsOfClaimed(left), others) {
		t.Errorf("of the other one %+v", left)
	}
}

// A claim is as large as was asked for, and never so small that what is large is never sent.
func claimsAreBounded(t *testing.T, s store.Store) {
	endpoint := newEndpoint(t, s, nil)
	ids := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 4)
	size := len(`{"a":"\u0000"}`)
	for _, c := range []struct {
		bytes int
		want  []uuid.UUID
	}{{1, ids[:1]}, {2*size - 1, ids[1:2]}, {2 * size, ids[2:]}} {
		if got := idsOfClaimed(claim(t, s, endpoint.ID, 8, c.bytes)); !slices.Equal(got, c.want) {
			t.Errorf("of %d bytes claimed are %v, want %v", c.bytes, got, c.want)
		}
	}
}

// What is claimed and not settled is handed out again when its lease has ended, and not before.
func endedLeaseIsHandedOutAgain(t *testing.T, s store.Store) {
	endpoint := newEndpoint(t, s, nil)
	ids := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 2)
	claim(t, s, endpoint.ID, 1, 1<<20)
	end := at.Add(time.Minute)
	loosen := func(now time.Time) {
		t.Helper()
		change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
			return tx.Loosen(ctx, endpoint.ID, now, time.Time{})
		})
	}
	loosen(end.Add(-time.Microsecond))
	if lanes := lanesAt(t, s, endpoint.ID, end.Add(-time.Microsecond)); len(lanes.Used) != 2 || lanes.Ended || lanes.Waiting {
		t.Errorf("before its end lanes are %+v", lanes)
	}
	if lanes := lanesAt(t, s, endpoint.ID, end); len(lanes.Used) != 0 || !lanes.Ended {
		t.Errorf("at its end lanes are %+v", lanes)
	}
	if stranded, err := s.Stranded(t.Context(), end, at, 10); err != nil || !slices.Equal(stranded, []uuid.UUID{endpoint.ID}) {
		t.Errorf("stranded are %v, %v", stranded, err)
	}
	loosen(end)
	if again := claim(t, s, endpoint.ID, 1, 1<<20); !slices.Equal(idsOfClaimed(again), ids) || again[0].Delivery.Attempts != 0 {
		t.Errorf("handed out again are %+v", again)
	}
}

// What is not waited for is there all the same, for whoever reads.
func unflushedIsThere(t *testing.T, s store.Store) {
	endpoint, refusal := newEndpoint(t, s, nil), errors.New("refused")
	ids := deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 2)
	settle := func(id uuid.UUID, and error) error {
		return s.ChangeUnflushed(t.Context(), "test", func(ctx context.Context, tx store.WebhookTx) error {
			delivery, err := tx.LockDelivery(ctx, id)
			if err != nil {
				return err
			}
			delivery.State = store.Delivered
			return errors.Join(tx.UpdateDeliveries(ctx, []store.Delivery{delivery}), and)
		})
	}
	if err := settle(ids[0], nil); err != nil {
		t.Fatal(err)
	}
	if err := settle(ids[1], refusal); !errors.Is(err, refusal) {
		t.Errorf("it gives %v", err)
	}
	for i, want := range []store.DeliveryState{store.Delivered, store.Waiting} {
		if got, _, err := s.Delivery(t.Context(), endpoint.ID, ids[i]); err != nil || got.State != want {
			t.Errorf("it is %+v, %v, want %s", got, err, want)
		}
	}
}

func roomsAdvance(t *testing.T, s store.Store) {
	endpoint, room, other := newEndpoint(t, s, nil), uuid.New(), uuid.New()
	ids := deliver(t, s, endpoint.ID, room, store.Behind, 3)
	others := deliver(t, s, endpoint.ID, other, store.Behind, 1)
	advance := func(ctx context.Context, tx store.WebhookTx) error {
		rooms := []store.RoomAt{{EndpointID: endpoint.ID, RoomID: room}, {EndpointID: endpoint.ID, RoomID: uuid.New()}}
		return errors.Join(tx.Advance(ctx, rooms), tx.Advance(ctx, rooms))
	}
	for _, id := range ids {
		change(t, s, advance)
		if waiting := waitingAt(t, s, endpoint.ID); !slices.Equal(waiting, []uuid.UUID{id}) {
			t.Fatalf("waiting are %v, want %v", waiting, id)
		}
		for _, state := range []store.DeliveryState{store.Released, store.Retrying, store.Delivered} {
			change(t, s, advance)
			update(t, s, id, func(d *store.Delivery) { d.State = state })
		}
	}
	if behind := deliveriesOf(t, s, store.DeliveryQuery{EndpointID: endpoint.ID, States: []store.DeliveryState{store.Behind}}); !slices.Equal(idsOf(behind), others) {
		t.Errorf("behind are %v", idsOf(behind))
	}
}

func strandedIsFound(t *testing.T, s store.Store) {
	stranded := func(now, before time.Time) []uuid.UUID {
		t.Helper()
		ids, err := s.Stranded(t.Context(), now, before, 10)
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
	claim(t, s, busy.ID, 1, 1<<20)
	deliver(t, s, busy.ID, uuid.Nil, store.Waiting, 1)
	overdue := newEndpoint(t, s, nil)
	late := deliver(t, s, overdue.ID, uuid.Nil, store.Waiting, 1)[0]
	update(t, s, late, func(d *store.Delivery) { d.State, d.NextAt = store.Retrying, at })
	if got := stranded(at, at); !slices.Equal(got, []uuid.UUID{waiting.ID}) {
		t.Errorf("stranded are %v, want %v", got, waiting.ID)
	}
	if got := stranded(at.Add(time.Minute), at); len(got) != 2 || !slices.Contains(got, busy.ID) {
		t.Errorf("then stranded are %v", got)
	}
	if got := stranded(at, at.Add(time.Second)); len(got) != 2 || !slices.Contains(got, overdue.ID) {
		t.Errorf("later stranded are %v", got)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.Loosen(ctx, overdue.ID, at, at) })
	if n := len(waitingAt(t, s, overdue.ID)); n != 0 {
		t.Errorf("what is not overdue is loosened: %d", n)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Loosen(ctx, overdue.ID, at, at.Add(time.Second))
	})
	if waits := waitingAt(t, s, overdue.ID); !slices.Equal(waits, []uuid.UUID{late}) {
		t.Errorf("waiting are %v", waits)
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
		return tx.InsertAttempts(ctx, []store.Attempt{{DeliveryID: settled[0], Number: 1, At: at}})
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
	if claimed := claim(t, s, endpoint.ID, 1, 1<<20); !slices.Equal(idsOfClaimed(claimed), pending) || len(claimed[0].Body) == 0 {
		t.Errorf("what is pending has lost its event: %+v", claimed)
	}
}

func deletedEndpointLeavesNothing(t *testing.T, s store.Store) {
	endpoint, other := newEndpoint(t, s, nil), newEndpoint(t, s, nil)
	deliver(t, s, endpoint.ID, uuid.Nil, store.Waiting, 3)
	kept := deliver(t, s, other.ID, uuid.Nil, store.Waiting, 1)
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error { return tx.DeleteEndpoint(ctx, endpoint.ID) })
	if _, err := s.Endpoint(t.Context(), endpoint.ID); !errors.Is(err, store.ErrNoEndpoint) {
		t.Errorf("it is there: %v", err)
	}
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		if _, err := tx.LockEndpoint(ctx, endpoint.ID); !errors.Is(err, store.ErrNoEndpoint) {
			t.Errorf("it can be locked: %v", err)
		}
		if locked, err := tx.LockEndpoints(ctx, []uuid.UUID{endpoint.ID, uuid.New(), other.ID}); err != nil || len(locked) != 1 || locked[0].ID != other.ID {
			t.Errorf("locked are %+v, %v", locked, err)
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
		claimed, err := tx.Claim(ctx, []store.Lease{{EndpointID: endpoint.ID, Lanes: []int{1}, PerLane: 1, Bytes: 1, Until: at.Add(time.Minute)}}, at)
		if err != nil || len(claimed) != 1 {
			t.Errorf("claimed are %v, %v", claimed, err)
		}
		if err := tx.Enqueue(ctx, []store.Job{{Kind: store.JobDue, EndpointID: endpoint.ID, DeliveryID: ids[0]}}); err != nil {
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
		if job.Kind == store.JobRelease && !failed {
			failed = true
			return errors.New("not now")
		}
		return nil
	})
	due := time.Now().Add(1500 * time.Millisecond)
	change(t, s, func(ctx context.Context, tx store.WebhookTx) error {
		return tx.Enqueue(ctx, []store.Job{
			{Kind: store.JobDue, EndpointID: endpoint, DeliveryID: id, Attempts: 3, At: due},
			{Kind: store.JobRelease, EndpointID: endpoint},
		})
	})
	servicetest.Await(t, "the first job is done", func() bool { return len(begun()) > 0 })
	if job := begun()[0]; job.Kind != store.JobRelease || job.EndpointID != endpoint {
		t.Errorf("done is %+v", job)
	}
	servicetest.Await(t, "all jobs are done", func() bool { return len(begun()) >= 3 })
	if now := time.Now(); now.Before(due) {
		t.Errorf("one is done %s early", due.Sub(now))
	}
	kinds := map[store.JobKind]int{}
	for _, job := range begun() {
		kinds[job.Kind]++
		if job.Kind == store.JobDue && (job.DeliveryID != id || job.EndpointID != endpoint || job.Attempts != 3) {
			t.Errorf("done is %+v", job)
		}
	}
	if kinds[store.JobRelease] != 2 || kinds[store.JobDue] != 1 {
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
		return tx.Enqueue(ctx, []store.Job{{Kind: store.JobDue, DeliveryID: uuid.New()}})
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
		return tx.Enqueue(ctx, []store.Job{{Kind: store.JobDue, DeliveryID: id}})
	})
	orphan()
	done := run(t, s, func(context.Context, store.Job) error { return nil })
	servicetest.Await(t, "the job is done", func() bool { return len(done()) == 1 })
	if job := done()[0]; job.DeliveryID != id {
		t.Errorf("done is %+v", job)
	}
}
