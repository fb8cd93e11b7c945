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
