//go:build !planted

package edge

import (
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// What stands here has faulty versions in planted.go, to prove that the suite of faults would find them.

// attachAnew subscribes from here on, with a Resync event first.
func (e *Edge) attachAnew(user uuid.UUID, sub stream.Subscriber, reason string) stream.Attachment {
	e.metrics.resyncs.WithLabelValues(reason).Inc()
	return e.attachNow(user, sub, resync(reason))
}

// user hands a frame to a user's streams. Those that cannot take it are gone.
func (o *offering) user(user *ring.User, frame sse.Frame) {
	o.edge.keep(user, slices.DeleteFunc(user.Streams, func(sub stream.Subscriber) bool {
		if sub.Offer(frame) {
			o.span.taken++
			return false
		}
		o.span.refused++
		return true
	}))
}
