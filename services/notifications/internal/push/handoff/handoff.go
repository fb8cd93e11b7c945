// Package handoff hands what users without a stream are to be told to a sender of the operator's: on a Kafka topic, as ISM does, and by webhook.
package handoff

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
)

// maxDevices is how many devices a record names at most, or those of one user: then a record is some 200 KB larger than its notification.
const maxDevices = 100

// Producer writes to the topic.
type Producer interface {
	ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error)
}

// HandOff writes to a topic.
type HandOff struct {
	topic string
	log   Producer
}

var _ taker.Outlet = (*HandOff)(nil)

// New makes a hand-off to a topic.
func New(topic string, log Producer) *HandOff { return &HandOff{topic: topic, log: log} }

// Tell implements [taker.Outlet]. What is handed off is of the trace of what it tells.
func (h *HandOff) Tell(ctx context.Context, told []taker.Told) error {
	ctx = telemetry.Untraced(ctx) // what belongs to no trace begins none
	var records []bus.Record
	for _, one := range told {
		for _, said := range divide(one) {
			record, err := h.recordOf(one.Event, said)
			if err != nil {
				return err
			}
			records = append(records, record)
		}
	}
	if _, err := h.log.ProduceAll(ctx, records); err != nil {
		return fmt.Errorf("hand off to %s: %w", h.topic, err)
	}
	return nil
}

// recordOf gives the record that says it.
func (h *HandOff) recordOf(event *taker.Event, said payload.PushRequested) (bus.Record, error) {
	value, err := json.Marshal(said)
	if err != nil {
		return bus.Record{}, fmt.Errorf("%w: encode what is handed off: %w", bus.ErrRejected, err)
	}
	key := event.RoomID
	if key == uuid.Nil {
		key = said.ToUser[0]
	}
	headers := map[string]string{events.HeaderID: event.ID.String()}
	if event.Trace != "" {
		headers[taker.HeaderTrace] = event.Trace
	}
	return bus.Record{Topic: h.topic, Key: key.String(), Value: value, Partition: bus.PartitionAny, Headers: headers}, nil
}

// divide gives what is handed off of something that is told: one object, or several where the users have many devices.
func divide(told taker.Told) (all []payload.PushRequested) {
	devices := map[uuid.UUID][]payload.PushDevice{}
	for _, d := range told.Devices {
		if d.Kind != store.WebPush {
			devices[d.UserID] = append(devices[d.UserID], payload.PushDevice{UserID: d.UserID, ID: d.ID, Kind: d.Kind, Token: d.Target})
		}
	}
	said := payload.PushRequested{Notification: told.Event.Shown}
	for _, user := range told.Users {
		if of := devices[user]; len(said.Devices) > 0 && len(said.Devices)+len(of) > maxDevices {
			all = append(all, said)
			said.ToUser, said.Devices = nil, nil
		}
		said.ToUser, said.Devices = append(said.ToUser, user), append(said.Devices, devices[user]...)
	}
	return append(all, said)
}
