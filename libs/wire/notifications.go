package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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

// NotificationsRead is the server-sent event to a user who has read notifications, on this device or another one. Either UpTo or IDs is there.
type NotificationsRead struct {
	Type      string      `json:"type"` // "NotificationsRead"
	UpTo      string      `json:"upTo,omitempty"`
	IDs       []uuid.UUID `json:"notificationIds,omitempty"`
	Unread    int         `json:"unreadCount"` // how many are left, at most 1000
	CreatedAt Time        `json:"createdAt"`
}

// UnreadNotifications is how many notifications a user has not read.
type UnreadNotifications struct {
	Unread int `json:"unreadCount"` // at most 1000
}

// InboxEntry is a notification in a user's inbox: the server-sent event that its streams have shown, and these fields beside those of the event.
type InboxEntry struct {
	Event  json.RawMessage `json:"-"` // one JSON object
	ID     uuid.UUID       `json:"notificationId"`
	Cursor string          `json:"cursor"` // where it is in the inbox
	Read   bool            `json:"read"`
}

// MarshalJSON implements [json.Marshaler].
func (e InboxEntry) MarshalJSON() ([]byte, error) {
	type fields InboxEntry
	own, err := json.Marshal(fields(e))
	if err != nil {
		return nil, fmt.Errorf("encode an entry of an inbox: %w", err)
	}
	event, ok := bytes.CutSuffix(bytes.TrimSpace(e.Event), []byte("}"))
	if !ok || len(event) < 2 {
		return nil, errors.New("encode an entry of an inbox: its event is no object with fields")
	}
	if of := fmt.Appendf(nil, `{"type":"SystemMessage","notificationId":%q,`, e.ID); bytes.HasPrefix(event, of) { // it names itself
		_, own, _ = bytes.Cut(own, []byte(","))
		own = slices.Concat([]byte("{"), own)
	}
	return slices.Concat(event, []byte(","), own[1:]), nil
}

// UnmarshalJSON implements [json.Unmarshaler]. Event has the fields of the entry, too.
func (e *InboxEntry) UnmarshalJSON(text []byte) error {
	type fields InboxEntry
	var own fields
	if err := json.Unmarshal(text, &own); err != nil {
		return fmt.Errorf("decode an entry of an inbox: %w", err)
	}
	own.Event = slices.Clone(text)
	*e = InboxEntry(own)
	return nil
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
