package notifications

import (
	"errors"
	"net/http"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/notifications/store"
)

// errTenant says that the backend is of a tenant, and so may tell only some users something.
var errTenant = errors.New("the backend is of a tenant")

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
	again := "send it again, with the same Idempotency-Key: then nobody is told twice"
	switch {
	case errors.Is(err, errTenant):
		return httpapi.NewProblem(http.StatusForbidden, "tenant-backend", "Backend of a tenant",
			"your token is of a tenant, and in this version only a backend of no tenant can tell users something")
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
