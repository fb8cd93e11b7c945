package payload

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// source is that of what notifications itself tells.
const source = "/ism/notifications"

// PushRequested is the data of [TypePushRequested], and what a record of the hand-off's topic says: in the shape of the ISM wire, but for Devices.
type PushRequested struct {
	ToUser       []uuid.UUID     `json:"to_user"`      // one at least
	Notification json.RawMessage `json:"notification"` // the event as streams show it
	// Devices are those of the users that have tokens.
	Devices []PushDevice `json:"devices,omitempty"`
}

// PushDevice is where a user is told by a sender of the operator's.
type PushDevice struct {
	UserID uuid.UUID `json:"userId"`
	ID     string    `json:"deviceId"`
	Kind   string    `json:"kind"` // Fcm, Apns
	Token  string    `json:"token"`
}

// Push makes a webhook that asks for users to be told of an event that has happened at a time, in a room, if it was in one. Its id follows from the event and the
// users: handed off again it is the same.
func Push(event, room uuid.UUID, at time.Time, said PushRequested) (Webhook, error) {
	name := []byte(TypePushRequested)
	for _, user := range said.ToUser {
		name = append(name, user[:]...)
	}
	body := cloudEvent{
		SpecVersion: "1.0", ID: uuid.NewSHA1(event, name), Source: source, Type: TypePushRequested, Subject: said.ToUser[0], Time: wire.At(at),
		ContentType: "application/json", Data: said,
	}
	if room != uuid.Nil {
		body.Subject, body.RoomID = room, room.String()
	}
	return marshal(body, uuid.Nil, at) // of no room: it waits for no other one of its room
}

// WebhookFailing is the data of [TypeWebhookFailing].
type WebhookFailing struct {
	EndpointID   uuid.UUID `json:"webhookId"`
	Description  string    `json:"description"`
	FailingSince wire.Time `json:"failingSince"`
	Failures     int       `json:"failures"`   // in a row
	DisabledAt   wire.Time `json:"disabledAt"` // when it is disabled, at the earliest, if it goes on
}

// WebhookDisabled is the data of [TypeWebhookDisabled].
type WebhookDisabled struct {
	EndpointID   uuid.UUID `json:"webhookId"`
	Description  string    `json:"description"`
	Reason       string    `json:"reason"` // gone, failing
	FailingSince wire.Time `json:"failingSince"`
}

// Failing makes a webhook that says that an endpoint is failing. Stage tells those from each other that say it of the same failing: the id follows from both.
func Failing(said WebhookFailing, stage string, at time.Time) (Webhook, error) {
	return ofEndpoint(TypeWebhookFailing, said.EndpointID, stage+said.FailingSince.String(), at, said)
}

// Disabled makes a webhook that says that an endpoint is disabled. The id follows from since when it was failing.
func Disabled(said WebhookDisabled, at time.Time) (Webhook, error) {
	return ofEndpoint(TypeWebhookDisabled, said.EndpointID, said.FailingSince.String(), at, said)
}

func ofEndpoint(kind Type, endpoint uuid.UUID, name string, at time.Time, said any) (Webhook, error) {
	body := cloudEvent{
		SpecVersion: "1.0", ID: uuid.NewSHA1(endpoint, []byte(string(kind)+name)), Source: source, Type: kind, Subject: endpoint, Time: wire.At(at),
		ContentType: "application/json", Data: said,
	}
	webhook, err := marshal(body, uuid.Nil, at)
	webhook.EndpointID = endpoint
	return webhook, err
}
