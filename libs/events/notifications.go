package events

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
)

// NotificationSent says that a backend tells a user something. Its event's id is that of the notification.
type NotificationSent struct {
	UserID uuid.UUID `json:"userId"`
	// Message is what the backend says, a JSON object on one line, for the user's clients.
	Message json.RawMessage `json:"message"`
}

func (NotificationSent) EventName() string      { return "notification.sent" }
func (NotificationSent) Topic() string          { return TopicNotifications }
func (e NotificationSent) PartitionKey() string { return e.UserID.String() }
func (e NotificationSent) ForUser() uuid.UUID   { return e.UserID }

func (e NotificationSent) validate() error {
	switch {
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case !bytes.HasPrefix(bytes.TrimLeft(e.Message, " \t\r\n"), []byte("{")):
		return errors.New("message is no object")
	}
	return nil
}
