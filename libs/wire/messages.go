package wire

import (
	"encoding/json"

	"github.com/google/uuid"
)

// MessageType is the kind of a message's body.
type MessageType string

// The message types of the wire that this version writes.
const (
	Text       MessageType = "Text"
	RoomChange MessageType = "RoomChange" // who joined or left; written from the log alone
)

// Message is a message in the shape of the ISM wire. Its CreatedAt has microseconds, the same everywhere.
type Message struct {
	RoomID    uuid.UUID       `json:"chatRoomId"`
	ID        uuid.UUID       `json:"messageId"`
	SenderID  uuid.UUID       `json:"senderId"`
	Body      json.RawMessage `json:"msgBody"`
	Type      MessageType     `json:"msgType"`
	CreatedAt Time            `json:"createdAt"`
}

// TextBody is the body of a [Text] message: 1 to 4,000 characters.
type TextBody struct {
	Text string `json:"text"`
}

// RoomChangeBody is the body of a [RoomChange] message.
type RoomChangeBody struct {
	Type        string `json:"type"` // "UserJoined" or "UserLeft"
	RelatedUser Member `json:"related_user"`
}
