package wire

import (
	"encoding/json"

	"github.com/google/uuid"
)

// ChatMessage is the server-sent event of a message, in the shape of the ISM wire.
type ChatMessage struct {
	Type      string  `json:"type"` // "ChatMessage"
	Message   Message `json:"message"`
	Preview   Preview `json:"roomPreviewText"`
	CreatedAt Time    `json:"createdAt"`
	Position  string  `json:"position,omitempty"` // of the message in its room; where it is not known a client reloads what it counts
}

// MessageEdited is the server-sent event of a message that has another content now. It keeps its place in the room, and counts for nothing.
type MessageEdited struct {
	Type      string  `json:"type"`    // "MessageEdited"
	Message   Message `json:"message"` // as it is now
	Preview   Preview `json:"roomPreviewText"`
	CreatedAt Time    `json:"createdAt"`          // when it was edited
	Position  string  `json:"position,omitempty"` // of the edit, not of the message
}

// MessageDeleted is the server-sent event of a message that has been deleted, for good: a [MessageEdited] of it that comes later is passed over.
type MessageDeleted struct {
	Type      string  `json:"type"`    // "MessageDeleted"
	Message   Message `json:"message"` // as it is now, with a [DeletedBody]
	Preview   Preview `json:"roomPreviewText"`
	CreatedAt Time    `json:"createdAt"`          // when it was deleted
	Position  string  `json:"position,omitempty"` // of the deletion, not of the message
}

// NewRoom is the server-sent event to each user newly in a room, in the shape of the ISM wire.
type NewRoom struct {
	Type      string `json:"type"` // "NewRoom"
	Room      Room   `json:"room"`
	CreatedAt Time   `json:"createdAt"`
}

// RoomChangeEvent is the server-sent event to those who are in a room when somebody joins or leaves it, in the shape of the ISM wire.
type RoomChangeEvent struct {
	Type      string  `json:"type"` // "RoomChangeEvent"
	Message   Message `json:"message"`
	Preview   Preview `json:"roomPreviewText"`
	CreatedAt Time    `json:"createdAt"`
	Position  string  `json:"position,omitempty"` // of the message in its room
}

// UnreadChanged is the server-sent event to a user who has marked a room as read or unread, on each of its streams: what of it is unread by now,
// whatever a client has counted before. What is behind UnreadAsOf comes on top.
type UnreadChanged struct {
	Type        string    `json:"type"` // "UnreadChanged"
	RoomID      uuid.UUID `json:"roomId"`
	UnreadCount int       `json:"unreadCount"`
	UnreadAsOf  string    `json:"unreadAsOf"`
	CreatedAt   Time      `json:"createdAt"`
}

// UserReadChat is the server-sent event to the other members of a room when a user has read it up to a message, unless the user keeps that to itself.
type UserReadChat struct {
	Type      string    `json:"type"` // "UserReadChat"
	RoomID    uuid.UUID `json:"roomId"`
	UserID    uuid.UUID `json:"userId"`
	MessageID uuid.UUID `json:"messageId"`
	CreatedAt Time      `json:"createdAt"`
}

// LeaveRoom is the server-sent event to a user who is in a room no longer, in the shape of the ISM wire.
type LeaveRoom struct {
	Type      string    `json:"type"` // "LeaveRoom"
	RoomID    uuid.UUID `json:"roomId"`
	CreatedAt Time      `json:"createdAt"`
}

// RoomChanged is the server-sent event to the members of a room whose name or picture is another one.
type RoomChanged struct {
	Type      string     `json:"type"` // "RoomChanged"
	Room      PublicRoom `json:"room"`
	CreatedAt Time       `json:"createdAt"`
}

// Resync is the server-sent event to a client whose resume point is not to be had any more: it reloads by REST.
type Resync struct {
	Type      string `json:"type"` // "Resync"
	Reason    string `json:"reason"`
	CreatedAt Time   `json:"createdAt"`
}

// StreamEnded is the last server-sent event of a stream that ends for a reason that the client should know.
type StreamEnded struct {
	Type      string    `json:"type"` // "StreamEnded"
	Reason    EndReason `json:"reason"`
	CreatedAt Time      `json:"createdAt"`
}

// EndReason is why a stream ends.
type EndReason string

// Why a stream ends.
const (
	EndExpired      EndReason = "expired"      // the token's time is over: come back with a new one
	EndReplaced     EndReason = "replaced"     // the user has opened more streams than it may, and this was the oldest: do not come back by yourself
	EndDisconnected EndReason = "disconnected" // the backend has ended the user's streams
	EndSignedOut    EndReason = "signed-out"   // the user was signed out, or the token's session was: the token is good for nothing any more
)

// StreamTicket opens one event stream, in the query of GET /api/sse, for clients that cannot set headers.
type StreamTicket struct {
	Ticket    string `json:"ticket"`
	ExpiresAt Time   `json:"expiresAt"`
	// LastEventID is where streams are now. A stream that is opened behind it, in the query as last_event_id, misses nothing that happens from now
	// on, however often it takes to be opened: an EventSource tells nobody the id with which its stream began.
	LastEventID string `json:"lastEventId"`
}

// Poll is the answer to a long poll: what a stream would have written behind the id from which it was asked for. The next one is to be asked
// for from LastEventID.
type Poll struct {
	LastEventID string        `json:"lastEventId"`
	Events      []PolledEvent `json:"events"` // may be empty
}

// PolledEvent is an event of a [Poll].
type PolledEvent struct {
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"` // a ChatMessage, NewRoom, Resync, …
}
