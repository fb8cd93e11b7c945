package notifications

import (
	"context"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/taker"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	deliveriesPerPage = 100
	maxReplayed       = 1000 // by one request
	statePending      = "pending"
)

// deliveryOverview is a delivery as backends see it.
type deliveryOverview struct {
	ID         uuid.UUID  `json:"id"`
	EventID    uuid.UUID  `json:"eventId"`
	Type       string     `json:"type"`
	RoomID     *uuid.UUID `json:"roomId"`
	HappenedAt wire.Time  `json:"happenedAt"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	NextAt     *wire.Time `json:"nextAt"` // nil: at once, or as soon as the webhook takes more, or never
	Status     *int       `json:"status"` // of the last answer; nil: there was none
	Error      *string    `json:"error"`  // why not
}

func deliveryOf(d store.Delivery) deliveryOverview {
	shown := deliveryOverview{
		ID: d.ID, EventID: d.EventID, Type: d.Type, HappenedAt: wire.At(d.HappenedAt), State: statePending, Attempts: d.Attempts,
		NextAt: timeOrNull(d.NextAt), Status: statusOrNull(d.Status), Error: textOrNull(d.Error),
	}
	if !d.State.Pending() {
		shown.State = string(d.State)
	}
	if d.RoomID != uuid.Nil {
		shown.RoomID = &d.RoomID
	}
	return shown
}

func statusOrNull(status int) *int {
	if status == 0 {
		return nil
	}
	return &status
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// attempt is one of a delivery, as backends see it.
type attempt struct {
	Number int       `json:"number"`
	At     wire.Time `json:"at"`
	Took   int64     `json:"tookMs"`
	Status *int      `json:"status"`
	Error  *string   `json:"error"`
	Body   string    `json:"body"` // the beginning of the answer's
}

// deliveryDetails is a delivery with its attempts, the oldest first.
type deliveryDetails struct {
	deliveryOverview
	Log []attempt `json:"log"`
}

// deliveryPage is a page of deliveries, the newest first.
type deliveryPage struct {
	NextCursor *string            `json:"nextCursor"` // nil: there are no more
	Content    []deliveryOverview `json:"content"`
}

// statesOf gives the states of deliveries that a text of a request stands for.
func statesOf(text string) ([]store.DeliveryState, bool) {
	switch text {
	case statePending:
		return store.PendingStates(), true
	case string(store.Delivered), string(store.GivenUp):
		return []store.DeliveryState{store.DeliveryState(text)}, true
	default:
		return nil, false
	}
}

// listDeliveries handles GET /api/admin/webhooks/{webhook_id}/deliveries.
func (w *webhooks) listDeliveries(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	query := store.DeliveryQuery{EndpointID: id, Limit: deliveriesPerPage + 1}
	state, given := httpapi.ArgsOf(c)("state")
	if given {
		var ok bool
		if query.States, ok = statesOf(state); !ok {
			return httpapi.InvalidRequest("state must be pending, delivered or given-up")
		}
	}
	pages := paging.Of("deliveries", id, state)
	point, err := pointOf(c, pages)
	if err != nil {
		return err
	}
	if len(point) == 8 {
		query.Before = int64(binary.BigEndian.Uint64(point))
	}
	if _, err := w.store.Endpoint(c.UserContext(), id); err != nil {
		return w.problemOf(err)
	}
	kept, err := w.store.Deliveries(c.UserContext(), query)
	if err != nil {
		return w.problemOf(err)
	}
	page := deliveryPage{Content: []deliveryOverview{}}
	for _, d := range kept[:min(len(kept), deliveriesPerPage)] {
		page.Content = append(page.Content, deliveryOf(d))
	}
	if len(kept) > deliveriesPerPage {
		next := pages.Cursor(binary.BigEndian.AppendUint64(nil, uint64(kept[deliveriesPerPage-1].Seq)))
		page.NextCursor = &next
	}
	return c.JSON(page)
}

// deliveryIDs reads which delivery of which webhook the path names.
func deliveryIDs(c *fiber.Ctx) (endpoint, id uuid.UUID, err error) {
	if endpoint, err = httpapi.UUIDParam(c, "webhook_id"); err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	id, err = httpapi.UUIDParam(c, "delivery_id")
	return endpoint, id, err
}

// getDelivery handles GET /api/admin/webhooks/{webhook_id}/deliveries/{delivery_id}.
func (w *webhooks) getDelivery(c *fiber.Ctx) error {
	endpoint, id, err := deliveryIDs(c)
	if err != nil {
		return err
	}
	kept, attempts, err := w.store.Delivery(c.UserContext(), endpoint, id)
	if err != nil {
		return w.problemOf(err)
	}
	details := deliveryDetails{deliveryOf(kept), []attempt{}}
	for _, a := range attempts {
		details.Log = append(details.Log, attempt{a.Number, wire.At(a.At), a.Took.Milliseconds(), statusOrNull(a.Status), textOrNull(a.Error), a.Body})
	}
	return c.JSON(details)
}

// replayOne handles POST /api/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/replay.
func (w *webhooks) replayOne(c *fiber.Ctx) error {
	endpoint, id, err := deliveryIDs(c)
	if err != nil {
		return err
	}
	var replayed store.Delivery
	err = w.deliveries.Change(c.UserContext(), "replay_delivery", endpoint, func(ctx context.Context, tx store.WebhookTx, _ *store.Endpoint) error {
		kept, err := tx.LockDelivery(ctx, id)
		switch {
		case err != nil:
			return err
		case kept.EndpointID != endpoint:
			return store.ErrNoDelivery
		case kept.State.Pending():
			return errPending
		}
		kept.State, kept.Round, kept.NextAt, kept.ChangedAt = store.Waiting, 0, time.Time{}, w.now()
		replayed = kept
		return tx.UpdateDeliveries(ctx, []store.Delivery{kept})
	})
	if err != nil {
		return w.problemOf(err)
	}
	w.logChange(c, "a webhook's delivery is replayed", endpoint)
	return c.Status(http.StatusAccepted).JSON(deliveryOf(replayed))
}

// replayBody is what a request to replay says.
type replayBody struct {
	Since *wire.Time `json:"since"`
	Until *wire.Time `json:"until"`
	State *string    `json:"state"`
}

// query gives the deliveries that are to be replayed. The error is the problem invalid-request.
func (b replayBody) query(endpoint uuid.UUID, now time.Time) (store.ReplayQuery, error) {
	query := store.ReplayQuery{EndpointID: endpoint, Until: now, Limit: maxReplayed, State: store.GivenUp}
	if b.Since == nil {
		return query, httpapi.InvalidRequest("since is missing")
	}
	query.Since = b.Since.Time
	if b.Until != nil {
		query.Until = b.Until.Time
	}
	if !query.Since.Before(query.Until) {
		return query, httpapi.InvalidRequest("since must be before until")
	}
	if b.State != nil {
		query.State = store.DeliveryState(*b.State)
	}
	if query.State != store.Delivered && query.State != store.GivenUp {
		return query, httpapi.InvalidRequest("state must be delivered or given-up")
	}
	return query, nil
}

// replayed is the answer to it.
type replayed struct {
	Replayed int        `json:"replayed"`
	Next     *wire.Time `json:"next"` // the since of the next request; nil: all are replayed
}

// replay handles POST /api/admin/webhooks/{webhook_id}/replay.
func (w *webhooks) replay(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	var body replayBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	query, err := body.query(id, w.now())
	if err != nil {
		return err
	}
	var answer replayed
	err = w.deliveries.Change(c.UserContext(), "replay_deliveries", id, func(ctx context.Context, tx store.WebhookTx, _ *store.Endpoint) error {
		n, last, err := tx.Replay(ctx, query, w.now())
		answer = replayed{Replayed: n}
		if n == query.Limit {
			answer.Next = timeOrNull(last)
		}
		return err
	})
	if err != nil {
		return w.problemOf(err)
	}
	w.logChange(c, "a webhook's deliveries are replayed", id)
	return c.Status(http.StatusAccepted).JSON(answer)
}

// test handles POST /api/admin/webhooks/{webhook_id}/test.
func (w *webhooks) test(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	webhook, err := payload.Test(id, w.now())
	if err != nil {
		return err
	}
	err = w.deliveries.Change(c.UserContext(), "test_endpoint", id, func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error {
		if locked.Status != store.EndpointActive {
			return errNotActive
		}
		return w.deliveries.Insert(ctx, tx, *locked, []delivery.Taken{{Webhook: webhook, Endpoints: []uuid.UUID{id}, Trace: taker.TraceOf(ctx, w.tel.Propagator)}})
	})
	if err != nil {
		return w.problemOf(err)
	}
	kept, _, err := w.store.Delivery(c.UserContext(), id, delivery.IDOf(id, webhook.ID))
	if err != nil {
		return w.problemOf(err)
	}
	w.logChange(c, "a webhook is tested", id)
	return c.Status(http.StatusAccepted).JSON(deliveryOf(kept))
}
