package realtime

import (
	"errors"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/realtime/internal/edge"
)

// problemOf gives the problem for an error of the edge.
func problemOf(err error) error {
	if errors.Is(err, edge.ErrNotCaughtUp) {
		return httpapi.Unavailable("kafka-unavailable", "Events unavailable", "this node has not read the newest events yet", err)
	}
	return err
}
