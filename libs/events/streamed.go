package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// HeaderPayload says how much of a record's value is what clients will see: so many bytes, and a closing brace. The event's own fields
// follow them, membershipVersion and audience first. So an edge passes the payload on as it was written, and finds out who may see it without
// decoding it. Readers of the event pass over the payload's fields that they do not know.
const HeaderPayload = "ism_payload"

// StreamEvent is the data of one server-sent event, one JSON object, and the users on whose streams it belongs.
type StreamEvent struct {
	To []uuid.UUID
	// MembersAsOf, if not 0, says that it belongs on the streams of all who are members of the event's room, which is large, as of this version.
	MembersAsOf int64
	Data        []byte
}

// streamed is an event that all of its audience sees in the same form.
type streamed interface {
	RoomEvent
	// payload is what clients see.
	payload(at time.Time, position string) any
	// own has the event's fields that are not in the payload; membershipVersion and audience are the first.
	own() any
}

func (e MessagePosted) payload(at time.Time, position string) any {
	return wire.ChatMessage{Type: "ChatMessage", Message: e.Message, Preview: e.Preview, CreatedAt: wire.At(at), Position: position}
}

func (e MessagePosted) own() any {
	return struct {
		Version   int64        `json:"membershipVersion"`
		Users     []uuid.UUID  `json:"audience"`
		WholeRoom bool         `json:"wholeRoom,omitempty"`
		RoomID    uuid.UUID    `json:"roomId"`
		Preview   wire.Preview `json:"preview"`
		Pace      Pace         `json:"pace,omitempty"`
		Expires   *wire.Time   `json:"expiresAt,omitempty"`
	}{e.Version, append([]uuid.UUID{}, e.Users...), e.WholeRoom, e.RoomID, e.Preview, e.Pace, e.Expires}
}

// encodeStreamed gives the value of an event, and how much of it is the payload.
func encodeStreamed(data streamed, at time.Time) (value []byte, payload int, err error) {
	value, err = json.Marshal(data.payload(at, ""))
	if err != nil {
		return nil, 0, fmt.Errorf("encode what clients see of %s: %w", data.EventName(), err)
	}
	own, err := json.Marshal(data.own())
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", data.EventName(), err)
	}
	payload = len(value) - 1
	value[payload] = ','
	return append(value, own[1:]...), payload, nil
}

// Envelope is what an edge needs to know of an event that all of its audience sees in the same form.
type Envelope struct {
	ID       uuid.UUID
	At       time.Time
	RoomID   uuid.UUID
	Audience Audience

	// Position is where the event is in the log, as clients see it; whoever has read its record may set it. Empty: not known.
	Position string

	payload []byte // without its closing brace
}

// AppendPayload appends the JSON object that clients see, on one line. Where the position is known it is the last field.
func (e Envelope) AppendPayload(dst []byte) []byte {
	dst = append(dst, e.payload...)
	if e.Position != "" {
		dst = append(append(append(dst, `,"position":"`...), e.Position...), '"')
	}
	return append(dst, '}')
}

// OpenEnvelope reads a record's envelope, its key being the room's id. It reports false where there is none that it can read, as in records
// of older builds: then [Decode] tells what the record is.
func OpenEnvelope(key string, headers map[string]string, value []byte) (Envelope, bool) {
	length, err := strconv.Atoi(headers[HeaderPayload])
	if err != nil || length < 1 || length >= len(value) || value[length] != ',' || bytes.ContainsAny(value[:length], "\r\n") {
		return Envelope{}, false
	}
	envelope := Envelope{payload: value[:length]}
	audience, ok := openAudience(value[length:])
	if !ok {
		return Envelope{}, false
	}
	envelope.Audience = audience
	if envelope.ID, err = uuid.Parse(headers[HeaderID]); err != nil {
		return Envelope{}, false
	}
	if envelope.RoomID, err = uuid.Parse(key); err != nil {
		return Envelope{}, false
	}
	if envelope.At, err = TimeOf(headers); err != nil {
		return Envelope{}, false
	}
	return envelope, envelope.Audience.validate() == nil
}

const idLength = 36 // characters of a UUID

// openAudience reads `,"membershipVersion":7,"audience":["…","…"]`, with which an event's own fields begin.
func openAudience(text []byte) (Audience, bool) {
	text, ok := bytes.CutPrefix(text, []byte(`,"membershipVersion":`))
	if !ok {
		return Audience{}, false
	}
	digits := bytes.IndexByte(text, ',')
	if digits < 0 {
		return Audience{}, false
	}
	version, err := strconv.ParseInt(string(text[:digits]), 10, 64)
	if err != nil {
		return Audience{}, false
	}
	text, ok = bytes.CutPrefix(text[digits:], []byte(`,"audience":[`))
	if !ok {
		return Audience{}, false
	}
	end := bytes.IndexByte(text, ']')
	const each = idLength + len(`"",`)
	if end < 0 || end > 0 && (end+1)%each != 0 {
		return Audience{}, false
	}
	audience := Audience{Version: version, WholeRoom: bytes.HasPrefix(text[end+1:], []byte(`,"wholeRoom":true`))}
	if end > 0 {
		audience.Users = make([]uuid.UUID, 0, (end+1)/each)
	}
	for at := 0; at < end; at += each {
		user, err := uuid.ParseBytes(text[at+1 : at+1+idLength])
		if err != nil {
			return Audience{}, false
		}
		audience.Users = append(audience.Users, user)
	}
	return audience, true
}

// StreamEvents gives what users see of an event on their streams; none for an event that is not for streams. Users is who is in the room by now. Of a
// large room they are not asked for.
func StreamEvents(event Event, users []uuid.UUID) ([]StreamEvent, error) {
	switch data := event.Data.(type) {
	case RoomCreated:
		if data.WholeRoom {
			users = data.Users
		}
		return newRooms(event.Time, data, users)
	case FriendRequested:
		return streamEvent(wire.FriendRequestReceived{Type: "FriendRequestReceived", FromUser: data.FromUser, CreatedAt: wire.At(event.Time)}, users)
	case FriendAccepted:
		return streamEvent(wire.FriendRequestAccepted{Type: "FriendRequestAccepted", FromUser: data.FromUser, CreatedAt: wire.At(event.Time)}, users)
	case NotificationSent:
		return streamEvent(wire.CustomNotification{
			Type: "SystemMessage", ID: event.ID, Message: data.Message, CreatedAt: wire.At(event.Time), ExpiresAt: data.ExpiresAt,
		}, users)
	case NotificationsRead:
		return streamEvent(wire.NotificationsRead{
			Type: "NotificationsRead", UpTo: data.UpTo, IDs: data.IDs, Unread: data.Unread, CreatedAt: wire.At(event.Time),
		}, users)
	case MediaChanged:
		return streamEvent(data.shown(), users)
	case MembersJoined:
		return streamEvent(wire.NewRoom{Type: "NewRoom", Room: data.Room, CreatedAt: wire.At(event.Time)}, data.Joined)
	case MembershipChanged:
		if data.WholeRoom {
			return largeMembershipChange(event, data)
		}
		return membershipChange(event, data, users)
	case RoomRead:
		return roomRead(event.Time, data, users)
	case RoomEnded:
		return roomEnded(event.Time, data)
	case streamed:
		if data.SeenBy().WholeRoom {
			return toMembers(data.payload(event.Time, event.Position), data.SeenBy().Version)
		}
		return streamEvent(data.payload(event.Time, event.Position), users)
	default:
		return nil, nil
	}
}

// newRooms gives one event to all, but each member of a Single room its own: each sees the other's name and picture.
func newRooms(at time.Time, data RoomCreated, users []uuid.UUID) ([]StreamEvent, error) {
	if data.Room.Type != wire.Single {
		return streamEvent(wire.NewRoom{Type: "NewRoom", Room: data.Room, CreatedAt: wire.At(at)}, users)
	}
	var all []StreamEvent
	for _, user := range users {
		own, err := streamEvent(wire.NewRoom{Type: "NewRoom", Room: data.RoomFor(user), CreatedAt: wire.At(at)}, []uuid.UUID{user})
		if err != nil {
			return nil, err
		}
		all = append(all, own...)
	}
	return all, nil
}

// membershipChange gives one event to those who were in the room before and are in it after, one to whoever has joined, and one to those who
// are in the room no longer. Users is who is in the room by now.
func membershipChange(event Event, data MembershipChanged, users []uuid.UUID) ([]StreamEvent, error) {
	others := slices.DeleteFunc(slices.Clone(users), func(user uuid.UUID) bool { return user == data.Member.ID })
	all, err := streamEvent(roomChange(event, data), others)
	if err != nil {
		return nil, err
	}
	var own []StreamEvent
	if data.Change == wire.Join {
		if len(others) == len(users) { // who joined is gone by now
			return all, nil
		}
		own, err = streamEvent(newRoom(event, data), []uuid.UUID{data.Member.ID})
	} else {
		gone := append([]uuid.UUID{data.Member.ID}, data.Removed...)
		gone = slices.DeleteFunc(gone, func(user uuid.UUID) bool { return slices.Contains(users, user) }) // who is back by now
		own, err = streamEvent(leaveRoom(event.Time, data), gone)
	}
	return append(all, own...), err
}

// largeMembershipChange gives one event to those who were members before and are after, and one to whoever has joined or left.
func largeMembershipChange(event Event, data MembershipChanged) ([]StreamEvent, error) {
	before, own := data.Version, any(leaveRoom(event.Time, data))
	if data.Change == wire.Join {
		before, own = data.Version-1, newRoom(event, data)
	}
	all, err := toMembers(roomChange(event, data), before)
	if err != nil {
		return nil, err
	}
	one, err := streamEvent(own, []uuid.UUID{data.Member.ID})
	return append(all, one...), err
}

// roomEnded gives one event to all who were in the room. Nobody can have come back.
func roomEnded(at time.Time, data RoomEnded) ([]StreamEvent, error) {
	left := wire.LeaveRoom{Type: "LeaveRoom", RoomID: data.RoomID, CreatedAt: wire.At(at)}
	if data.WholeRoom {
		return toMembers(left, data.Version-1)
	}
	return streamEvent(left, data.Removed)
}

func roomChange(event Event, data MembershipChanged) wire.RoomChangeEvent {
	return wire.RoomChangeEvent{
		Type: "RoomChangeEvent", Message: data.Message, Preview: data.Preview, CreatedAt: wire.At(event.Time), Position: event.Position,
	}
}

// newRoom gives the room to who has joined it: what came before that does not count as unread.
func newRoom(event Event, data MembershipChanged) wire.NewRoom {
	room := *data.Room
	if event.Position != "" {
		room.UnreadAsOf = event.Position
	}
	return wire.NewRoom{Type: "NewRoom", Room: room, CreatedAt: wire.At(event.Time)}
}

func leaveRoom(at time.Time, data MembershipChanged) wire.LeaveRoom {
	return wire.LeaveRoom{Type: "LeaveRoom", RoomID: data.RoomID, CreatedAt: wire.At(at)}
}

// roomRead tells the reader how much is unread by now, and the others up to which message it has read. In a large room nobody else is told.
func roomRead(at time.Time, data RoomRead, users []uuid.UUID) ([]StreamEvent, error) {
	others := slices.DeleteFunc(slices.Clone(users), func(user uuid.UUID) bool { return user == data.UserID })
	var all []StreamEvent
	if data.UnreadCount != nil && (data.WholeRoom || len(others) < len(users)) {
		unread := wire.UnreadChanged{
			Type: "UnreadChanged", RoomID: data.RoomID, UnreadCount: *data.UnreadCount, UnreadAsOf: data.UnreadAsOf, CreatedAt: wire.At(at),
		}
		own, err := streamEvent(unread, []uuid.UUID{data.UserID})
		if err != nil {
			return nil, err
		}
		all = own
	}
	if data.MessageID == nil || data.WholeRoom {
		return all, nil
	}
	seen, err := streamEvent(wire.UserReadChat{
		Type: "UserReadChat", RoomID: data.RoomID, UserID: data.UserID, MessageID: *data.MessageID, CreatedAt: wire.At(at),
	}, others)
	return append(all, seen...), err
}

// toMembers gives one event to all members of a large room.
func toMembers(payload any, asOf int64) ([]StreamEvent, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %T: %w", ErrMalformed, payload, err)
	}
	return []StreamEvent{{MembersAsOf: asOf, Data: data}}, nil
}

// streamEvent gives one event to users; none where there are no users.
func streamEvent(payload any, to []uuid.UUID) ([]StreamEvent, error) {
	if len(to) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %T: %w", ErrMalformed, payload, err)
	}
	return []StreamEvent{{To: to, Data: data}}, nil
}
