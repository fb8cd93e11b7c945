package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// NotificationSent says that a backend tells a user something. Its event's id is that of the notification.
type NotificationSent struct {
	UserID uuid.UUID `json:"userId"`
	// Message is what the backend says, a JSON object on one line, for the user's clients.
	Message json.RawMessage `json:"message"`
	// ExpiresAt is from when on nobody is shown it any more; nil: it does not expire. Of several records with one id the first counts.
	ExpiresAt *wire.Time `json:"expiresAt,omitempty"`
}

func (NotificationSent) EventName() string      { return "notification.sent" }
func (NotificationSent) Topic() string          { return TopicNotifications }
func (e NotificationSent) PartitionKey() string { return e.UserID.String() }
func (e NotificationSent) ForUser() uuid.UUID   { return e.UserID }

// Expired reports whether it is shown to nobody any more.
func (e NotificationSent) Expired(now time.Time) bool {
	return e.ExpiresAt != nil && !now.Before(e.ExpiresAt.Time)
}

func (e NotificationSent) validate() error {
	switch {
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case !bytes.HasPrefix(bytes.TrimLeft(e.Message, " \t\r\n"), []byte("{")):
		return errors.New("message is no object")
	}
	return nil
}
