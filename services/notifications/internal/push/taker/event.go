package taker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// Event is something of which users may be told.
type Event struct {
	ID   uuid.UUID
	Type string // as streams have it: ChatMessage, FriendRequestReceived, NewRoom
	At   time.Time
	// RoomID is the room's; [uuid.Nil] where there is none.
	RoomID uuid.UUID
	// Shown is what streams show of it: one JSON object.
	Shown []byte
	// Title and Text are for people: who has written, or the room's name; and what.
	Title, Text string
	MessageID   uuid.UUID // of a ChatMessage
	Mentions    []uuid.UUID
	Expires     time.Time // when a message goes; zero: never
	Trace       string    // that it belongs to, as [HeaderTrace] has it; "": none
	to          []uuid.UUID
}

// HeaderTrace is the header of a record that carries its trace (W3C Trace Context).
const HeaderTrace = "traceparent"

// IsMessage reports whether it is a message, and not something that has happened to the users.
func (e *Event) IsMessage() bool { return e.Type == chatMessage }

const (
	chatMessage   = "ChatMessage"
	friendRequest = "FriendRequestReceived"
	newRoom       = "NewRoom"
)

// taken are the beginnings of the types of events of which users may be told.
var taken = []string{
	typeOf(events.MessagePosted{}), typeOf(events.FriendRequested{}), typeOf(events.RoomCreated{}), typeOf(events.MembersJoined{}), typeOf(events.MembershipChanged{}),
}

func typeOf(data events.Data) string { return "ism." + data.EventName() + ".v" }

func isTaken(record bus.Record) bool {
	return slices.ContainsFunc(taken, func(of string) bool { return strings.HasPrefix(record.Headers[events.HeaderType], of) })
}

// eventsOf gives of what users may be told. A room's creation may show different things to different users, so there may be several. The error is
// [bus.ErrRejected].
func eventsOf(record bus.Record) (all []*Event, err error) {
	decoded, err := bus.Decode[events.Data]([]bus.Record{record})
	if err != nil || len(decoded) == 0 {
		return nil, err
	}
	happened := decoded[0].Event
	if at, known := events.PositionOf(record.Headers, record.Offset); known {
		happened.Position = at.String()
	}
	common := Event{ID: happened.ID, At: happened.Time, Trace: record.Headers[HeaderTrace]}
	var users []uuid.UUID
	var by uuid.UUID
	switch data := happened.Data.(type) {
	case events.MessagePosted:
		users, by = data.Users, data.Message.SenderID
		common.RoomID, common.MessageID, common.Mentions = data.RoomID, data.Message.ID, data.Message.Mentions
		common.Title, common.Text = data.Preview.SenderUsername, cmp.Or(data.Preview.Text, data.Preview.ReplyText)
		common.At = data.Message.CreatedAt.Time
		if data.Expires != nil {
			common.Expires = data.Expires.Time
		}
		if data.ByReference() { // it names nobody, and nothing may grow with the room
			users = data.Message.Mentions
		}
	case events.FriendRequested:
		users, common.Title = []uuid.UUID{data.UserID}, data.FromUser.DisplayName
	case events.RoomCreated:
		users, by, common.RoomID = data.Users, data.CreatedBy, data.RoomID
	case events.RoomEvent:
		users, common.RoomID = data.SeenBy().Users, data.InRoom()
	}
	shown, err := events.StreamEvents(happened, users)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bus.ErrRejected, err)
	}
	for _, one := range shown {
		event := common
		event.Shown, event.to = one.Data, one.To
		if one.MembersAsOf != 0 {
			event.to = users
		}
		if event.Type = typeOfShown(one.Data); event.Type == "" {
			continue
		}
		if event.Type == newRoom && !titled(&event) {
			continue
		}
		event.to = slices.DeleteFunc(slices.Clone(event.to), func(user uuid.UUID) bool { return user == by })
		if len(event.to) > 0 {
			all = append(all, &event)
		}
	}
	return all, nil
}

// typeOfShown gives the type of what streams show, if users are told of it by push; else "".
func typeOfShown(data []byte) string {
	for _, of := range []string{chatMessage, friendRequest, newRoom} {
		if bytes.HasPrefix(data, []byte(`{"type":"`+of+`"`)) {
			return of
		}
	}
	return ""
}

// titled gives a new room's event the room's name, as its users see it. It reports false for what is no room.
func titled(event *Event) bool {
	var shown struct {
		Room struct {
			Name *string `json:"roomName"`
		} `json:"room"`
	}
	if err := json.Unmarshal(event.Shown, &shown); err != nil {
		return false
	}
	if shown.Room.Name != nil {
		event.Title = *shown.Room.Name
	}
	return true
}
