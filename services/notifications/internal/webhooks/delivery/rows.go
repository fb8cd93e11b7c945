package delivery

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// lockAll gives the endpoints of webhooks that take any, in the order of their ids.
func lockAll(ctx context.Context, tx store.WebhookTx, all []Taken) ([]store.Endpoint, error) {
	var ids []uuid.UUID
	for _, taken := range all {
		ids = append(ids, taken.Endpoints...)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	var endpoints []store.Endpoint
	for _, id := range slices.Compact(ids) {
		endpoint, err := tx.LockEndpoint(ctx, id)
		switch {
		case errors.Is(err, store.ErrNoEndpoint):
		case err != nil:
			return nil, err
		case endpoint.Status != store.EndpointDisabled:
			endpoints = append(endpoints, endpoint)
		}
	}
	return endpoints, nil
}

// rowsOf gives what is to be added of webhooks for those of their endpoints that are there.
func rowsOf(all []Taken, endpoints []store.Endpoint, now time.Time) (events []store.WebhookEvent, deliveries []store.Delivery) {
	for _, taken := range all {
		before := len(deliveries)
		webhook := taken.Webhook
		for _, endpoint := range endpoints {
			if !slices.Contains(taken.Endpoints, endpoint.ID) {
				continue
			}
			state := store.Waiting
			if endpoint.Ordered && webhook.RoomID != uuid.Nil {
				state = store.Behind
			}
			deliveries = append(deliveries, store.Delivery{
				ID: IDOf(endpoint.ID, webhook.ID), EndpointID: endpoint.ID, EventID: webhook.ID, Type: string(webhook.Type), RoomID: webhook.RoomID,
				HappenedAt: webhook.At, State: state, ChangedAt: now,
			})
		}
		if len(deliveries) > before {
			events = append(events, store.WebhookEvent{
				ID: webhook.ID, Type: string(webhook.Type), RoomID: webhook.RoomID, HappenedAt: webhook.At, TakenAt: now, Body: webhook.Body,
			})
		}
	}
	return events, deliveries
}

// room is one of an ordered endpoint.
type room struct{ endpoint, id uuid.UUID }

// behind gives the rooms of which deliveries are behind others, each once.
func behind(deliveries []store.Delivery) []room {
	var rooms []room
	seen := map[room]bool{}
	for _, delivery := range deliveries {
		if of := (room{delivery.EndpointID, delivery.RoomID}); delivery.State == store.Behind && !seen[of] {
			seen[of] = true
			rooms = append(rooms, of)
		}
	}
	return rooms
}
