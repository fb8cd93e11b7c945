package events

import (
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// TicketIssued says that an edge has given a user a ticket, with which one stream can be opened at any edge. It has a digest of the ticket,
// so that nobody who reads the log can use it.
type TicketIssued struct {
	Digest string    `json:"digest"` // SHA-256 of the ticket, base64url without padding
	UserID uuid.UUID `json:"userId"`
	// ExpiresAt is when the ticket expires.
	ExpiresAt wire.Time `json:"expiresAt"`
	// TokenExpiresAt is when the token expires for which it was issued, and with it the stream.
	TokenExpiresAt wire.Time `json:"tokenExpiresAt"`
	// Issuer and SessionID are the token's iss and sid, TokenIssuedAt its iat, as far as it has them.
	Issuer        string     `json:"issuer,omitempty"`
	SessionID     string     `json:"sessionId,omitempty"`
	TokenIssuedAt *wire.Time `json:"tokenIssuedAt,omitempty"`
}

func (TicketIssued) EventName() string      { return "ticket.issued" }
func (TicketIssued) Topic() string          { return TopicEdges }
func (e TicketIssued) PartitionKey() string { return e.UserID.String() }

func (e TicketIssued) validate() error {
	switch {
	case e.Digest == "":
		return errors.New("digest is missing")
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case e.ExpiresAt.IsZero():
		return errors.New("expiresAt is missing")
	case e.TokenExpiresAt.IsZero():
		return errors.New("tokenExpiresAt is missing")
	}
	return nil
}

// TicketClaimed says that an edge has been shown a ticket. Of all claims of a ticket the first in the log opens the stream.
type TicketClaimed struct {
	Digest string    `json:"digest"`
	UserID uuid.UUID `json:"userId"`
	Claim  uuid.UUID `json:"claim"` // tells the claims of a ticket apart
}

func (TicketClaimed) EventName() string      { return "ticket.claimed" }
func (TicketClaimed) Topic() string          { return TopicEdges }
func (e TicketClaimed) PartitionKey() string { return e.UserID.String() }

func (e TicketClaimed) validate() error {
	switch {
	case e.Digest == "":
		return errors.New("digest is missing")
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case e.Claim == uuid.Nil:
		return errors.New("claim is missing")
	}
	return nil
}

// UserDisconnected says that all open streams of a user are to end now.
type UserDisconnected struct {
	UserID uuid.UUID `json:"userId"`
}

func (UserDisconnected) EventName() string      { return "user.disconnected" }
func (UserDisconnected) Topic() string          { return TopicEdges }
func (e UserDisconnected) PartitionKey() string { return e.UserID.String() }

func (e UserDisconnected) validate() error {
	if e.UserID == uuid.Nil {
		return errors.New("userId is missing")
	}
	return nil
}

// PresenceChanged says that a user has opened the first stream at an edge, or has had none there for a while. A user is online who is so at an
// edge that is alive, see [EdgeAlive].
type PresenceChanged struct {
	UserID uuid.UUID `json:"userId"`
	EdgeID uuid.UUID `json:"edgeId"`
	Online bool      `json:"online"`
}

func (PresenceChanged) EventName() string { return "presence.changed" }
func (PresenceChanged) Topic() string     { return TopicOnline }

// PartitionKey is the user and the edge: of each pair the newest record is kept.
func (e PresenceChanged) PartitionKey() string { return e.UserID.String() + "/" + e.EdgeID.String() }

func (e PresenceChanged) validate() error {
	switch {
	case e.UserID == uuid.Nil:
		return errors.New("userId is missing")
	case e.EdgeID == uuid.Nil:
		return errors.New("edgeId is missing")
	}
	return nil
}

// EdgeAlive says until when an edge is to be taken for alive. One that stops says that it no longer is; of one that has died nothing more is
// heard. All who were online there are then offline, unless they are so at another edge.
type EdgeAlive struct {
	EdgeID uuid.UUID `json:"edgeId"` // new with each start
	Until  wire.Time `json:"until"`
}

func (EdgeAlive) EventName() string      { return "edge.alive" }
func (EdgeAlive) Topic() string          { return TopicOnline }
func (e EdgeAlive) PartitionKey() string { return e.EdgeID.String() }

func (e EdgeAlive) validate() error {
	switch {
	case e.EdgeID == uuid.Nil:
		return errors.New("edgeId is missing")
	case e.Until.IsZero():
		return errors.New("until is missing")
	}
	return nil
}
