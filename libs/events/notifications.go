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

// NotificationsRead says that a user has read notifications, on one of its devices: all up to a cursor, or single ones.
type NotificationsRead struct {
	UserID uuid.UUID `json:"userId"`
	// UpTo is the cursor, as the user's clients know it.
	UpTo string      `json:"upTo,omitempty"`
	IDs  []uuid.UUID `json:"notificationIds,omitempty"`
	// Unread is how many are left: as many as are counted at most, where there are more.
	Unread int `json:"unreadCount"`
}

func (NotificationsRead) EventName() string      { return "notifications.read" }
func (NotificationsRead) Topic() string          { return TopicNotifications }
func (e NotificationsRead) PartitionKey() string { return e.UserID.String() }
func (e NotificationsRead) ForUser() uuid.UUID   { return e.UserID }

func (e NotificationsRead) validate() error {
	switch {
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case (e.UpTo == "") == (len(e.IDs) == 0):
		return errors.New("either upTo or notificationIds must be there")
	case e.Unread < 0:
		return errors.New("unreadCount is below 0")
	}
	return nil
}
