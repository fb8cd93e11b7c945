package wire

import "time"

// ChatMessage is the server-sent event of a message, in the shape of the ISM wire.
type ChatMessage struct {
	Type      string    `json:"type"` // "ChatMessage"
	Message   Message   `json:"message"`
	Preview   Preview   `json:"roomPreviewText"`
	CreatedAt time.Time `json:"createdAt"`
}

// NewRoom is the server-sent event to each user newly in a room, in the shape of the ISM wire.
type NewRoom struct {
	Type      string    `json:"type"` // "NewRoom"
	Room      Room      `json:"room"`
	CreatedAt time.Time `json:"createdAt"`
}

// Resync is the server-sent event to a client whose resume point is not to be had any more: it reloads by REST.
type Resync struct {
	Type      string    `json:"type"` // "Resync"
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"createdAt"`
}

// StreamEnded is the last server-sent event of a stream that ends for a reason that the client should know.
type StreamEnded struct {
	Type      string    `json:"type"` // "StreamEnded"
	Reason    EndReason `json:"reason"`
	CreatedAt time.Time `json:"createdAt"`
}

// EndReason is why a stream ends.
type EndReason string

// Why a stream ends.
const (
	EndExpired      EndReason = "expired"      // the token's time is over: come back with a new one
	EndReplaced     EndReason = "replaced"     // the user has opened more streams than it may, and this was the oldest: do not come back by yourself
	EndDisconnected EndReason = "disconnected" // the backend has ended the user's streams
)
