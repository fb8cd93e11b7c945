package wire

import (
	"encoding/json"

	"github.com/google/uuid"
)

// MessageType is the kind of a message's body.
type MessageType string

// The message types of the wire, and SystemMessage, which is ours.
const (
	Text          MessageType = "Text"
	Media         MessageType = "Media"
	Reply         MessageType = "Reply"
	RoomChange    MessageType = "RoomChange"    // who joined or left; written from the log alone
	SystemMessage MessageType = "SystemMessage" // of the backend to a room
)

// Message is a message in the shape of the ISM wire. Its CreatedAt has microseconds, the same everywhere.
type Message struct {
	RoomID    uuid.UUID       `json:"chatRoomId"`
	ID        uuid.UUID       `json:"messageId"`
	SenderID  uuid.UUID       `json:"senderId"`
	Body      json.RawMessage `json:"msgBody"`
	Type      MessageType     `json:"msgType"`
	CreatedAt Time            `json:"createdAt"`
	// ClientID is what the sender named the message with, so that it is sent once however often it is tried; else empty.
	ClientID string `json:"clientMsgId,omitempty"`
	// Mentions are members of the room at whom the message is aimed, each once, in the sender's order. An edit leaves them as they are;
	// who is deleted as a user goes from them.
	Mentions []uuid.UUID `json:"mentions,omitempty"`
	// Position is where the message is in its room, as in the events of a stream: opaque, but the order of texts is that of positions. It is in answers
	// and in timelines, and where an event tells of an edit or a deletion; empty where it was not known yet.
	Position  string `json:"position,omitempty"`
	EditedAt  *Time  `json:"editedAt,omitempty"`  // last
	DeletedAt *Time  `json:"deletedAt,omitempty"` // then Body is a DeletedBody, and nobody is mentioned
}

// The kinds of a [MessageChange].
const (
	ChangeNew     = "new"
	ChangeEdited  = "edited"
	ChangeDeleted = "deleted"
	ChangeJoined  = "joined"
	ChangeLeft    = "left"
)

// MessageChange is what has happened at a position of a room's log. Message is as it is now, which may be newer than the change.
type MessageChange struct {
	Change   string  `json:"change"`
	Position string  `json:"position"`
	Message  Message `json:"message"`
}

// Changes are what has happened in a room since a position, in the log's order.
type Changes struct {
	Changes []MessageChange `json:"changes"`
	Since   string          `json:"since"` // what to ask with next
	More    bool            `json:"more"`  // ask at once
}

// TextBody is the body of a [Text] message: 1 to 4,000 characters.
type TextBody struct {
	Text string `json:"text"`
}

// MediaBody is the body of a [Media] message. What has an ID is kept by the media service, which gives it to who sees the message.
type MediaBody struct {
	ID          uuid.UUID `json:"mediaId,omitzero"`
	URL         string    `json:"mediaUrl"`  // of http or https, 1 to 250 characters
	Type        string    `json:"mediaType"` // what the client takes it for, 1 to 80 characters
	MIMEType    string    `json:"mimeType,omitempty"`
	Alternative string    `json:"altText,omitempty"` // for who cannot see or hear it
	FileName    string    `json:"fileName,omitempty"`
	Size        int       `json:"size,omitempty"`  // bytes
	Width       int       `json:"width,omitempty"` // pixels, of a picture as it is to be shown
	Height      int       `json:"height,omitempty"`
}

// ReplyBody is the body of a [Reply] message: a text, and the message of the same room that it quotes.
type ReplyBody struct {
	MessageID uuid.UUID   `json:"replyMsgId"`
	SenderID  uuid.UUID   `json:"replySenderId"`
	Type      MessageType `json:"replyMsgType"`
	CreatedAt Time        `json:"replyCreatedAt"`
	// Details is the body of the quoted message, as it was when it was quoted; of a Reply it is a [ReplyDetails]; once the
	// sender is deleted as a user, a [DeletedBody].
	Details json.RawMessage `json:"replyMsgDetails"`
	Text    string          `json:"replyText"` // 1 to 4,000 characters
}

// ReplyDetails is what a reply quotes of another reply. Its field is snake_case, as it is on the ISM wire.
type ReplyDetails struct {
	Text string `json:"reply_text"`
}

// RoomChangeBody is the body of a [RoomChange] message.
type RoomChangeBody struct {
	Type        string `json:"type"` // "UserJoined" or "UserLeft"
	RelatedUser Member `json:"related_user"`
}

// DeletedBody is the body of a message that has been deleted, whatever its type: it says nothing.
type DeletedBody struct{}

// SystemBody is the body of a [SystemMessage]: a text, 1 to 4,000 characters, and an object for clients that know the backend that wrote it.
type SystemBody struct {
	Text string          `json:"text"`
	Data json.RawMessage `json:"data,omitempty"`
}
