package realtime

import (
	"errors"
	"net/http"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/peers"
)

// problemOf gives the problem for an error of what the service depends on.
func problemOf(err error) error {
	switch {
	case errors.Is(err, edge.ErrNotCaughtUp):
		return httpapi.Unavailable("kafka-unavailable", "Events unavailable", "this node has not read the newest events yet", err)
	case errors.Is(err, bus.ErrUnavailable):
		return httpapi.Unavailable("kafka-unavailable", "Events unavailable", "the request could not be handed on", err)
	case errors.Is(err, authn.ErrNoSignOuts):
		return httpapi.Unavailable("kafka-unavailable", "Events unavailable", "this node has not read yet who was signed out", err)
	case errors.Is(err, peers.ErrNoTicket):
		return httpapi.NewProblem(http.StatusUnauthorized, "invalid-ticket", "Invalid ticket", "the ticket is none, has expired, has been used or is void")
	case errors.Is(err, peers.ErrTooManyTickets):
		problem := httpapi.NewProblem(http.StatusTooManyRequests, "too-many-tickets", "Too many tickets", "use the tickets that you have")
		problem.RetryAfter = peers.TicketLifetime
		return problem
	default:
		return err
	}
}
