package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
)

const (
	// MaxUsers is how many users one notification names at most.
	MaxUsers = 1000
	// MaxMessage is the size of a message at its largest, bytes, as it comes in.
	MaxMessage = 64 << 10
	// MaxTTL is how long a notification can be worth something, at most: a year.
	MaxTTL = 31_536_000 * time.Second
)

// typeCustom is what the ISM wire calls a notification of a backend.
const typeCustom = "SystemMessage"

// Notification is what users are to be told.
type Notification struct {
	Users   []uuid.UUID     // each once, at least one
	Message json.RawMessage // a JSON object
	TTL     time.Duration   // how long it is worth something; 0: it does not expire
}

// expiresAt gives from when on it is shown to nobody, if it was taken then; nil: it does not expire.
func (n Notification) expiresAt(taken time.Time) *time.Time {
	if n.TTL == 0 {
		return nil
	}
	end := taken.Add(n.TTL)
	return &end
}

// object is a notification as the ISM wire has it. Pointers tell what is missing from what is empty. createdAt is passed over: it is when the
// notification was taken.
type object struct {
	ToUser  *string         `json:"toUser"`
	ToUsers []*string       `json:"toUsers"`
	Type    *string         `json:"type"`
	Message json.RawMessage `json:"message"`
	TTL     *int64          `json:"ttl"` // seconds
}

// Parse reads ISM's object. The error is a [httpapi.Problem]: malformed-json, invalid-request.
func Parse(text []byte) (Notification, error) {
	var read object
	if err := httpapi.DecodeJSON(text, &read); err != nil {
		return Notification{}, err
	}
	return read.notification()
}

// ParseLine reads ISM's object as a line of a batch, which may give it a name of its own, id; "" where it does not. The errors are Parse's.
func ParseLine(text []byte) (n Notification, id string, err error) {
	var read struct {
		object
		ID *string `json:"id"`
	}
	if err := httpapi.DecodeJSON(text, &read); err != nil {
		return Notification{}, "", err
	}
	if read.ID != nil {
		if err := httpapi.CheckKey(*read.ID); err != nil {
			return Notification{}, "", httpapi.InvalidRequest("id: " + err.Error())
		}
		id = *read.ID
	}
	n, err = read.notification()
	return n, id, err
}

func (o object) notification() (Notification, error) {
	switch {
	case o.Type == nil:
		return Notification{}, httpapi.InvalidRequest("type is missing")
	case *o.Type != typeCustom:
		return Notification{}, httpapi.InvalidRequest("type must be SystemMessage: all others are told by what happens")
	case len(o.Message) == 0:
		return Notification{}, httpapi.InvalidRequest("message is missing")
	case !bytes.HasPrefix(o.Message, []byte("{")):
		return Notification{}, httpapi.InvalidRequest("message must be a JSON object")
	case len(o.Message) > MaxMessage:
		return Notification{}, httpapi.InvalidRequest(fmt.Sprintf("message has %d bytes; at most %d are possible", len(o.Message), MaxMessage))
	case o.TTL != nil && (*o.TTL < 1 || *o.TTL > int64(MaxTTL/time.Second)):
		return Notification{}, httpapi.InvalidRequest(fmt.Sprintf("ttl is %d seconds; 1 to %d are possible", *o.TTL, int64(MaxTTL/time.Second)))
	}
	users, err := o.users()
	if err != nil {
		return Notification{}, err
	}
	n := Notification{Users: users, Message: o.Message}
	if o.TTL != nil {
		n.TTL = time.Duration(*o.TTL) * time.Second
	}
	return n, nil
}

// users gives the users, each once, in their order.
func (o object) users() ([]uuid.UUID, error) {
	named := o.ToUsers
	switch {
	case (o.ToUser == nil) == (o.ToUsers == nil):
		return nil, httpapi.InvalidRequest("either toUser or toUsers must be there")
	case o.ToUser != nil:
		named = []*string{o.ToUser}
	case len(named) == 0 || len(named) > MaxUsers:
		return nil, httpapi.InvalidRequest(fmt.Sprintf("toUsers names %d users; 1 to %d are possible", len(named), MaxUsers))
	}
	users := make([]uuid.UUID, 0, len(named))
	seen := make(map[uuid.UUID]bool, len(named))
	for _, text := range named {
		if text == nil {
			return nil, httpapi.InvalidRequest("a user must be a UUID")
		}
		user, ok := httpapi.ParseUUID(*text)
		if !ok || user == uuid.Nil {
			return nil, httpapi.InvalidRequest("a user must be a UUID")
		}
		if !seen[user] {
			seen[user] = true
			users = append(users, user)
		}
	}
	return users, nil
}
