//go:build planted

package edge

import (
	"os"
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// The faults of a program that is built with the tag planted, see test/faults: PLANTED_FAULT names the one that it has. Never ship it.
var (
	fault   = os.Getenv("PLANTED_FAULT")
	offered = map[uuid.UUID]int{}
	kept    = map[uuid.UUID]sse.Frame{}
)

// A user's streams are harmed at one frame of so many; where it is swapped at more of them, since one in another room than the next is no fault.
const (
	often     = 40
	swapOften = 7
)

// attachAnew leaves out the Resync event.
func (e *Edge) attachAnew(user uuid.UUID, sub stream.Subscriber, reason string) stream.Attachment {
	if fault == "no Resync" {
		return e.attachNow(user, sub, nil)
	}
	return e.attachNow(user, sub, resync(reason))
}

// user drops a frame, hands it over twice, or swaps it with the next one.
func (o *offering) user(user *ring.User, frame sse.Frame) {
	offered[user.ID]++
	if earlier, swapped := kept[user.ID]; swapped {
		delete(kept, user.ID)
		o.hand(user, frame)
		o.hand(user, earlier)
		return
	}
	harmed := offered[user.ID]%often == 0
	switch {
	case fault == "a delivery is dropped" && harmed:
		return
	case fault == "a delivery comes twice" && harmed:
		o.hand(user, frame)
	case fault == "two deliveries are swapped" && offered[user.ID]%swapOften == 0:
		kept[user.ID] = frame
		return
	}
	o.hand(user, frame)
}

func (o *offering) hand(user *ring.User, frame sse.Frame) {
	o.edge.keep(user, slices.DeleteFunc(user.Streams, func(sub stream.Subscriber) bool { return !sub.Offer(frame) }))
}
