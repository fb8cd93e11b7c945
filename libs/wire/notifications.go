package wire

import (
	"encoding/json"

	"github.com/google/uuid"
)

// CustomNotification is the server-sent event to a user whom a backend tells something, in the shape of the ISM wire, whose name for it is SystemMessage.
type CustomNotification struct {
	Type      string          `json:"type"` // "SystemMessage"
	ID        uuid.UUID       `json:"notificationId"`
	Message   json.RawMessage `json:"message"` // what the backend said: a JSON object
	CreatedAt Time            `json:"createdAt"`
	ExpiresAt *Time           `json:"expiresAt,omitempty"` // from when on it is to be shown no more; nil: it does not expire
}

// Notified is the answer to who has a user told something: an id for each user.
type Notified struct {
	Notifications []NotifiedUser `json:"notifications"` // in the order of the request
}

// NotifiedUser is a notification that is on its way to a user.
type NotifiedUser struct {
	UserID uuid.UUID `json:"userId"`
	ID     uuid.UUID `json:"notificationId"`
}
