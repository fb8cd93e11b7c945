package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// insert adds webhooks for those of their endpoints that are locked and take any, and gives those that are claimed at once: as many as fit into the leases.
func (d *Deliveries) insert(ctx context.Context, tx store.WebhookTx, what touched, direct map[uuid.UUID]store.Lease) ([]store.Claimed, error) {
	events, deliveries := rowsOf(what, direct, d.now())
	if len(deliveries) == 0 {
		return nil, nil
	}
	if err := tx.InsertEvents(ctx, events); err != nil {
		return nil, err
	}
	added, err := tx.InsertDeliveries(ctx, deliveries)
	if err != nil {
		return nil, err
	}
	if rooms := behind(deliveries); len(rooms) > 0 {
		if err := tx.Advance(ctx, rooms); err != nil {
			return nil, err
		}
	}
	return claimedOf(events, deliveries, added), nil
}

// claimedOf gives those of deliveries that were added Released.
func claimedOf(events []store.WebhookEvent, deliveries []store.Delivery, added []uuid.UUID) (claimed []store.Claimed) {
	fresh, byID := map[uuid.UUID]bool{}, map[uuid.UUID]store.WebhookEvent{}
	for _, id := range added {
		fresh[id] = true
	}
	for _, event := range events {
		byID[event.ID] = event
	}
	for _, delivery := range deliveries {
		if delivery.State == store.Released && fresh[delivery.ID] {
			event := byID[delivery.EventID]
			claimed = append(claimed, store.Claimed{Delivery: delivery, Body: event.Body, Trace: event.Trace})
		}
	}
	return claimed
}

// rowsOf gives what is to be added.
func rowsOf(what touched, direct map[uuid.UUID]store.Lease, now time.Time) (events []store.WebhookEvent, deliveries []store.Delivery) {
	dealt := map[uuid.UUID]dealing{}
	for _, taken := range what.taken {
		before := len(deliveries)
		webhook := taken.Webhook
		for _, endpoint := range what.endpoints {
			if endpoint.Status == store.EndpointDisabled || !slices.Contains(taken.Endpoints, endpoint.ID) {
				continue
			}
			delivery := store.Delivery{
				ID: IDOf(endpoint.ID, webhook.ID), EndpointID: endpoint.ID, EventID: webhook.ID, Type: string(webhook.Type), RoomID: webhook.RoomID,
				HappenedAt: webhook.At, State: store.Waiting, ChangedAt: now,
			}
			if endpoint.Ordered && webhook.RoomID != uuid.Nil {
				delivery.State = store.Behind
			} else if lease, is := direct[endpoint.ID]; is {
				dealt[endpoint.ID] = dealt[endpoint.ID].deal(&delivery, lease, len(webhook.Body))
			}
			deliveries = append(deliveries, delivery)
		}
		if len(deliveries) > before {
			events = append(events, store.WebhookEvent{
				ID: webhook.ID, Type: string(webhook.Type), RoomID: webhook.RoomID, HappenedAt: webhook.At, TakenAt: now, Body: webhook.Body, Trace: taken.Trace,
			})
		}
	}
	return events, deliveries
}

// dealing is how much of a lease is used.
type dealing struct{ deliveries, bytes int }

// deal has a delivery be Released where the lease has room for it.
func (u dealing) deal(delivery *store.Delivery, lease store.Lease, size int) dealing {
	u.bytes += size
	if u.deliveries < len(lease.Lanes)*lease.PerLane && (u.deliveries == 0 || u.bytes <= lease.Bytes) {
		delivery.State, delivery.NextAt, delivery.Lane = store.Released, lease.Until, lease.Lanes[u.deliveries%len(lease.Lanes)]
		u.deliveries++
	}
	return u
}

// behind gives the rooms of which deliveries are behind others, each once.
func behind(deliveries []store.Delivery) []store.RoomAt {
	var rooms []store.RoomAt
	seen := map[store.RoomAt]bool{}
	for _, delivery := range deliveries {
		if of := (store.RoomAt{EndpointID: delivery.EndpointID, RoomID: delivery.RoomID}); delivery.State == store.Behind && !seen[of] {
			seen[of] = true
			rooms = append(rooms, of)
		}
	}
	return rooms
}
