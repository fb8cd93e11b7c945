package events

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// TicketIssued says that an edge has given a user a ticket, with which one stream can be opened at any edge. It has a digest of the ticket,
// so that nobody who reads the log can use it.
type TicketIssued struct {
	Digest string    `json:"digest"` // SHA-256 of the ticket, base64url without padding
	UserID uuid.UUID `json:"userId"`
	// ExpiresAt is when the ticket expires.
	ExpiresAt time.Time `json:"expiresAt"`
	// TokenExpiresAt is when the token expires for which it was issued, and with it the stream.
	TokenExpiresAt time.Time `json:"tokenExpiresAt"`
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
