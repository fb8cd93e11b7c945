package notifications

import (
	"errors"
	"net/http"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/notifications/internal/hooks"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
	"github.com/ism-chat/ism/services/notifications/store"
)

func invalidCursor() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-cursor", "Invalid cursor", "it must be a cursor that your inbox has given you")
}

func invalidTimestamp() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-timestamp", "Invalid timestamp",
		"timestamp must be an RFC 3339 time, for example 2026-11-23T12:30:45.123456Z")
}

// problemOfInbox gives the problem for an error of reading or marking an inbox.
func problemOfInbox(err error) error {
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "inboxes cannot be reached now; try again", err)
	case errors.Is(err, bus.ErrOutcomeUnknown), errors.Is(err, bus.ErrUnavailable):
		return httpapi.Unavailable("kafka-unavailable", "Kafka unavailable", "it is marked, and your other devices may not have been told; mark it again", err)
	default:
		return err
	}
}

// problemOf gives the problem for an error of a request to tell so many users something.
func problemOf(err error, users int) error {
	again := "send it again, with the same Idempotency-Key or webhook-id: then nobody is told twice"
	var unknown intake.UnknownUsersError
	switch {
	case errors.As(err, &unknown):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "unknown-user", "Unknown user", unknown.Error())
	case errors.Is(err, hooks.ErrSignature):
		return httpapi.NewProblem(http.StatusUnauthorized, "bad-signature", "Bad signature",
			"the request is not signed by a source of webhooks, as Standard Webhooks 1.0.0 has it").Because(err)
	case errors.Is(err, hooks.ErrStale):
		return httpapi.NewProblem(http.StatusUnauthorized, "stale-timestamp", "Stale timestamp",
			"webhook-timestamp is more than five minutes from now: the delivery is old, or one of the clocks is wrong").Because(err)
	case errors.Is(err, intake.ErrRooms):
		return httpapi.Unavailable("rooms-unavailable", "Rooms unavailable", "it cannot be looked up who may be told, and nobody was; send it again", err)
	case errors.Is(err, bus.ErrOutcomeUnknown):
		return httpapi.NewProblem(http.StatusGatewayTimeout, "outcome-unknown", "Outcome unknown",
			"the notification was sent on and not acknowledged in time: it may still be told; "+again).Because(err)
	case errors.Is(err, bus.ErrUnavailable) && users > 1:
		return httpapi.Unavailable("kafka-unavailable", "Kafka unavailable", "some of the users may have been told; "+again, err)
	case errors.Is(err, bus.ErrUnavailable):
		return httpapi.Unavailable("kafka-unavailable", "Kafka unavailable", "the notification was not written; send it again", err)
	default:
		return err
	}
}
