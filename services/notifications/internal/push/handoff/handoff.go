// Package handoff hands what users without a stream are to be told to a sender of the operator's, on a Kafka topic, as ISM does.
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

// object is a record's value, in the shape of the ISM wire; devices are not there.
type object struct {
	ToUser       []uuid.UUID     `json:"to_user"`
	Notification json.RawMessage `json:"notification"`
	// Devices are those of the users that have tokens.
	Devices []device `json:"devices,omitempty"`
}

type device struct {
	UserID uuid.UUID `json:"userId"`
	ID     string    `json:"deviceId"`
	Kind   string    `json:"kind"` // Fcm, Apns
	Token  string    `json:"token"`
}

// Tell implements [taker.Outlet]. What is handed off is of the trace of what it tells.
func (h *HandOff) Tell(ctx context.Context, told []taker.Told) error {
	ctx = telemetry.Untraced(ctx) // what belongs to no trace begins none
	var records []bus.Record
	for _, one := range told {
		of, err := h.recordsOf(one)
		if err != nil {
			return err
		}
		records = append(records, of...)
	}
	if _, err := h.log.ProduceAll(ctx, records); err != nil {
		return fmt.Errorf("hand off to %s: %w", h.topic, err)
	}
	return nil
}

// recordsOf gives the records that say it: one, or several where the users have many devices.
func (h *HandOff) recordsOf(told taker.Told) (records []bus.Record, err error) {
	devices := map[uuid.UUID][]device{}
	for _, d := range told.Devices {
		if d.Kind != store.WebPush {
			devices[d.UserID] = append(devices[d.UserID], device{UserID: d.UserID, ID: d.ID, Kind: d.Kind, Token: d.Target})
		}
	}
	said := object{Notification: told.Event.Shown}
	add := func() {
		var value []byte
		if value, err = json.Marshal(said); err != nil {
			err = fmt.Errorf("%w: encode what is handed off: %w", bus.ErrRejected, err)
			return
		}
		key := told.Event.RoomID
		if key == uuid.Nil {
			key = said.ToUser[0]
		}
		headers := map[string]string{events.HeaderID: told.Event.ID.String()}
		if told.Event.Trace != "" {
			headers[taker.HeaderTrace] = told.Event.Trace
		}
		records = append(records, bus.Record{Topic: h.topic, Key: key.String(), Value: value, Partition: bus.PartitionAny, Headers: headers})
	}
	for _, user := range told.Users {
		if of := devices[user]; len(said.Devices) > 0 && len(said.Devices)+len(of) > maxDevices {
			add()
			said.ToUser, said.Devices = nil, nil
		}
		said.ToUser, said.Devices = append(said.ToUser, user), append(said.Devices, devices[user]...)
	}
	add()
	return records, err
}
