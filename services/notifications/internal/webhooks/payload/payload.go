// Package payload makes webhooks of events: CloudEvents 1.0 in JSON
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md), for the backends of a company.
//
// A webhook tells what clients see, and never who sees it: its size does not grow with a room's members.
package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// ContentType is that of a webhook's body.
const ContentType = "application/cloudevents+json; charset=utf-8"

// Webhook is what is sent to endpoints.
type Webhook struct {
	ID     uuid.UUID // the same in the body, in the header webhook-id, and whenever it is sent again
	Type   Type
	RoomID uuid.UUID // uuid.Nil: it is not about a room
	At     time.Time // when it happened
	Body   []byte
	// EndpointID is the endpoint that it is about, of one that says how an endpoint is doing.
	EndpointID uuid.UUID
}

// Message is the data of [TypeMessageCreated], [TypeMessageEdited] and [TypeMessageDeleted].
type Message struct {
	RoomID  uuid.UUID    `json:"roomId"`
	Message wire.Message `json:"message"`
}

// RoomCreated is the data of [TypeRoomCreated].
type RoomCreated struct {
	RoomID    uuid.UUID       `json:"roomId"`
	Room      wire.PublicRoom `json:"room"`
	CreatedBy uuid.UUID       `json:"createdBy"`
	UserIDs   []uuid.UUID     `json:"userIds"` // the members, a hundred at most
	// More says that there are more members: [TypeMembersJoined] follows with them.
	More bool `json:"more"`
}

// RoomChanged is the data of [TypeRoomChanged].
type RoomChanged struct {
	RoomID    uuid.UUID       `json:"roomId"`
	Room      wire.PublicRoom `json:"room"`
	ChangedBy *uuid.UUID      `json:"changedBy"` // nil: a backend
}

// RoomEnded is the data of [TypeRoomEnded].
type RoomEnded struct {
	RoomID uuid.UUID `json:"roomId"`
}

// RoomRead is the data of [TypeRoomRead].
type RoomRead struct {
	RoomID    uuid.UUID  `json:"roomId"`
	UserID    uuid.UUID  `json:"userId"`
	ReadAt    wire.Time  `json:"readAt"`
	MessageID *uuid.UUID `json:"messageId"` // up to which the user has read, if others may know
}

// Members is the data of [TypeMembersJoined] and [TypeMembersLeft].
type Members struct {
	RoomID  uuid.UUID   `json:"roomId"`
	UserIDs []uuid.UUID `json:"userIds"` // a hundred at most
	// Message is that of the room's timeline; nil for those with whom a room was created.
	Message *wire.Message `json:"message"`
}

// Friend is the data of [TypeFriendRequested] and [TypeFriendAccepted].
type Friend struct {
	FromUser wire.User `json:"fromUser"` // who asks, or has accepted
	ToUserID uuid.UUID `json:"toUserId"` // who is told
}

// UserDeleted is the data of [TypeUserDeleted].
type UserDeleted struct {
	UserID    uuid.UUID `json:"userId"`
	ErasureID uuid.UUID `json:"erasureId"`
}

// UserErased is the data of [TypeUserErased].
type UserErased struct {
	UserID     uuid.UUID `json:"userId"`
	ErasureID  uuid.UUID `json:"erasureId"`
	Service    string    `json:"service"`
	Erased     int64     `json:"erased"`
	FinishedAt wire.Time `json:"finishedAt"`
}

// NotificationSent is the data of [TypeNotificationSent].
type NotificationSent struct {
	NotificationID uuid.UUID       `json:"notificationId"`
	UserID         uuid.UUID       `json:"userId"`
	Message        json.RawMessage `json:"message"`
}

// WebhookTested is the data of [TypeWebhookTested].
type WebhookTested struct {
	EndpointID uuid.UUID `json:"webhookId"`
}

// cloudEvent is the body of a webhook. roomid and tenant are extensions.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          uuid.UUID `json:"id"`
	Source      string    `json:"source"`
	Type        Type      `json:"type"`
	Subject     uuid.UUID `json:"subject"` // the room, the user, or the endpoint
	Time        wire.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	RoomID      string    `json:"roomid,omitempty"`
	Tenant      string    `json:"tenant,omitempty"`
	Data        any       `json:"data"`
}

// content is what an event becomes.
type content struct {
	kind   Type
	tenant string
	data   any
}

// Of gives the webhooks of an event; none of an event that is no backend's concern. Where the event's position is known, and it is that of a message,
// the webhook has it.
func Of(event events.Event) ([]Webhook, error) {
	var all []Webhook
	for i, content := range contents(event) {
		id := event.ID
		if i > 0 { // of the second of two that one event becomes, always the same
			id = uuid.NewSHA1(event.ID, []byte(content.kind))
		}
		webhook, err := encode(id, event, content)
		if err != nil {
			return nil, err
		}
		all = append(all, webhook)
	}
	return all, nil
}

// Test makes a webhook that says that an endpoint is tested.
func Test(endpoint uuid.UUID, at time.Time) (Webhook, error) {
	body := cloudEvent{
		SpecVersion: "1.0", ID: uuid.Must(uuid.NewV7()), Source: source, Type: TypeWebhookTested, Subject: endpoint, Time: wire.At(at),
		ContentType: "application/json", Data: WebhookTested{EndpointID: endpoint},
	}
	return marshal(body, uuid.Nil, at)
}

func encode(id uuid.UUID, event events.Event, content content) (Webhook, error) {
	body := cloudEvent{
		SpecVersion: "1.0", ID: id, Source: event.Source, Type: content.kind, Time: wire.At(event.Time),
		ContentType: "application/json", Tenant: content.tenant, Data: content.data,
	}
	var room uuid.UUID
	switch of := event.Data.(type) {
	case events.RoomEvent:
		room = of.InRoom()
		body.Subject, body.RoomID = room, room.String()
	case events.UserEvent:
		body.Subject = of.ForUser()
	default:
		return Webhook{}, errors.New("the event is neither of a room nor of a user")
	}
	return marshal(body, room, event.Time)
}

func marshal(body cloudEvent, room uuid.UUID, at time.Time) (Webhook, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return Webhook{}, fmt.Errorf("encode a webhook of type %s: %w", body.Type, err)
	}
	return Webhook{ID: body.ID, Type: body.Type, RoomID: room, At: at, Body: encoded}, nil
}

func contents(event events.Event) []content {
	one := func(kind Type, tenant string, data any) []content { return []content{{kind, tenant, data}} }
	switch data := event.Data.(type) {
	case events.MessagePosted:
		return one(TypeMessageCreated, "", Message{data.RoomID, positioned(data.Message, event.Position)})
	case events.MessageEdited:
		return one(TypeMessageEdited, "", Message{data.RoomID, data.Message})
	case events.MessageDeleted:
		return one(TypeMessageDeleted, "", Message{data.RoomID, data.Message})
	case events.RoomCreated:
		return one(TypeRoomCreated, data.Tenant, created(data))
	case events.RoomChanged:
		return one(TypeRoomChanged, "", RoomChanged{data.RoomID, data.Room, data.ChangedBy})
	case events.RoomEnded:
		return one(TypeRoomEnded, data.Tenant, RoomEnded{data.RoomID})
	case events.RoomRead:
		return one(TypeRoomRead, "", RoomRead{data.RoomID, data.UserID, data.ReadAt, data.MessageID})
	case events.MembersJoined:
		return one(TypeMembersJoined, "", Members{RoomID: data.RoomID, UserIDs: data.Joined})
	case events.MembershipChanged:
		return membership(data, event.Position)
	case events.FriendRequested:
		return one(TypeFriendRequested, data.Tenant, Friend{data.FromUser, data.UserID})
	case events.FriendAccepted:
		return one(TypeFriendAccepted, data.Tenant, Friend{data.FromUser, data.UserID})
	case events.UserDeleted:
		return one(TypeUserDeleted, data.Tenant, UserDeleted{data.UserID, data.ErasureID})
	case events.UserErased:
		return one(TypeUserErased, "", UserErased{data.UserID, data.ErasureID, data.Service, data.Erased, data.FinishedAt})
	case events.NotificationSent:
		return one(TypeNotificationSent, "", NotificationSent{event.ID, data.UserID, data.Message})
	default:
		return nil
	}
}

func positioned(message wire.Message, position string) wire.Message {
	if position != "" {
		message.Position = position
	}
	return message
}

func created(data events.RoomCreated) RoomCreated {
	members := data.Members[:min(len(data.Members), events.MaxNamed)]
	users := make([]uuid.UUID, len(members))
	for i, member := range members {
		users[i] = member.ID
	}
	room := wire.PublicRoom{ID: data.RoomID, Type: data.Room.Type, ImageURL: data.Room.ImageURL, Name: data.Room.Name, CreatedAt: data.Room.CreatedAt}
	return RoomCreated{RoomID: data.RoomID, Room: room, CreatedBy: data.CreatedBy, UserIDs: users, More: data.WholeRoom}
}

// membership gives who has joined or left, and the end of the room with it.
func membership(data events.MembershipChanged, position string) []content {
	message := positioned(data.Message, position)
	members := Members{RoomID: data.RoomID, UserIDs: []uuid.UUID{data.Member.ID}, Message: &message}
	if data.Change == wire.Join {
		return []content{{TypeMembersJoined, data.Tenant, members}}
	}
	members.UserIDs = append(members.UserIDs, data.Removed...)
	all := []content{{TypeMembersLeft, data.Tenant, members}}
	if data.Ended {
		all = append(all, content{TypeRoomEnded, data.Tenant, RoomEnded{data.RoomID}})
	}
	return all
}
