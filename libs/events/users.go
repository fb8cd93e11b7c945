package events

import (
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// UserEvent is an event of a user's log, for the streams of that user alone. Every event with the topic [TopicUsers], [TopicNotifications]
// or [TopicMedia] is one.
type UserEvent interface {
	Data
	// ForUser is the user in whose log the event is, and who may see it; the nil UUID: nobody may, see [UserSignedOut].
	ForUser() uuid.UUID
}

// FriendRequested says that a user has been asked by another to be friends.
type FriendRequested struct {
	UserID   uuid.UUID `json:"userId"` // who has been asked
	FromUser wire.User `json:"fromUser"`
	// Tenant is that of both users.
	Tenant string `json:"tenant,omitempty"`
}

func (FriendRequested) EventName() string      { return "friend.requested" }
func (FriendRequested) Topic() string          { return TopicUsers }
func (e FriendRequested) PartitionKey() string { return e.UserID.String() }
func (e FriendRequested) ForUser() uuid.UUID   { return e.UserID }
func (e FriendRequested) validate() error      { return validateFriends(e.UserID, e.FromUser) }

// FriendAccepted says that a user who had asked another to be friends has been accepted.
type FriendAccepted struct {
	UserID   uuid.UUID `json:"userId"`   // who had asked
	FromUser wire.User `json:"fromUser"` // who has accepted
	// Tenant is that of both users.
	Tenant string `json:"tenant,omitempty"`
}

func (FriendAccepted) EventName() string      { return "friend.accepted" }
func (FriendAccepted) Topic() string          { return TopicUsers }
func (e FriendAccepted) PartitionKey() string { return e.UserID.String() }
func (e FriendAccepted) ForUser() uuid.UUID   { return e.UserID }
func (e FriendAccepted) validate() error      { return validateFriends(e.UserID, e.FromUser) }

// UserDeleted says that a user is no more: who has something of the user erases it, and says so in the receipt of the erasure.
type UserDeleted struct {
	UserID    uuid.UUID `json:"userId"`
	ErasureID uuid.UUID `json:"erasureId"`
	Tenant    string    `json:"tenant,omitempty"`
}

func (UserDeleted) EventName() string      { return "user.deleted" }
func (UserDeleted) Topic() string          { return TopicUsers }
func (e UserDeleted) PartitionKey() string { return e.UserID.String() }
func (e UserDeleted) ForUser() uuid.UUID   { return e.UserID }

func (e UserDeleted) validate() error {
	switch {
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case e.ErasureID == uuid.Nil:
		return errors.New("erasureId is missing")
	}
	return nil
}

// UserErased says that a service has erased what it had of a deleted user: its part of the receipt. One that is told again has been told before.
type UserErased struct {
	UserID     uuid.UUID `json:"userId"`
	ErasureID  uuid.UUID `json:"erasureId"`
	Service    string    `json:"service"`
	Erased     int64     `json:"erased"` // things, as the service counts them
	FinishedAt wire.Time `json:"finishedAt"`
}

func (UserErased) EventName() string      { return "user.erased" }
func (UserErased) Topic() string          { return TopicUsers }
func (e UserErased) PartitionKey() string { return e.UserID.String() }
func (e UserErased) ForUser() uuid.UUID   { return e.UserID }

func (e UserErased) validate() error {
	switch {
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case e.ErasureID == uuid.Nil:
		return errors.New("erasureId is missing")
	case e.Service == "":
		return errors.New("service is missing")
	case e.Erased < 0:
		return errors.New("erased is below 0")
	case e.FinishedAt.IsZero():
		return errors.New("finishedAt is missing")
	}
	return nil
}

// UserSignedOut says that tokens which a user has got so far are good no longer: all of them, or those of one session at an issuer. It is for no stream.
type UserSignedOut struct {
	// UserID is nil where an issuer has named a session alone.
	UserID uuid.UUID `json:"userId,omitzero"`
	// Issuer and SessionID are the claims iss and sid of the session's tokens. Both are empty: all tokens of the user are meant, of any issuer.
	Issuer    string `json:"issuer,omitempty"`
	SessionID string `json:"sessionId,omitempty"`
	// Before is when that was: tokens that were issued later, by the second, are not meant.
	Before wire.Time `json:"before"`
}

// MaxSessionID is how long a session's id may be, bytes. Issuers choose them; Keycloak's have 36, Microsoft Entra's as many.
const MaxSessionID = 255

func (UserSignedOut) EventName() string    { return "user.signed-out" }
func (UserSignedOut) Topic() string        { return TopicUsers }
func (e UserSignedOut) ForUser() uuid.UUID { return e.UserID }

// PartitionKey is the user's id or, where that is not known, a UUID of the session's: no user's.
func (e UserSignedOut) PartitionKey() string {
	if e.UserID != uuid.Nil {
		return e.UserID.String()
	}
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceURL, []byte(e.Issuer)), []byte("sid:"+e.SessionID)).String()
}

func (e UserSignedOut) validate() error {
	switch {
	case e.UserID == uuid.Nil && e.SessionID == "":
		return errors.New("userId and sessionId are missing")
	case (e.SessionID == "") != (e.Issuer == ""):
		return errors.New("one of issuer and sessionId is missing")
	case len(e.SessionID) > MaxSessionID:
		return errors.New("sessionId is too long")
	case e.Before.IsZero():
		return errors.New("before is missing")
	}
	return nil
}

func validateFriends(user uuid.UUID, from wire.User) error {
	switch {
	case user == uuid.Nil:
		return errors.New("userId is missing")
	case from.ID == uuid.Nil:
		return errors.New("fromUser.id is missing")
	case from.ID == user:
		return errors.New("fromUser.id is userId")
	}
	return nil
}
