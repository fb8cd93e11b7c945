package notifications

import (
	"errors"
	"net/http"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi"
)

// errTenant says that the backend is of a tenant, and so may tell only some users something.
var errTenant = errors.New("the backend is of a tenant")

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
