package eventloop

import (
	"time"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// lastEvent gives the data of the event with which a stream ends, nil for reasons that the client cannot be told or need not know.
func lastEvent(reason stream.Reason) []byte {
	var told wire.EndReason
	switch reason {
	case stream.Expired:
		told = wire.EndExpired
	case stream.Replaced:
		told = wire.EndReplaced
	case stream.Disconnected:
		told = wire.EndDisconnected
	case stream.SignedOut:
		told = wire.EndSignedOut
	case stream.None, stream.Slow, stream.Gone, stream.Silent, stream.Garbage, stream.Drained:
		return nil
	}
	text, err := sse.Encode(wire.StreamEnded{Type: "StreamEnded", Reason: told, CreatedAt: wire.At(time.Now())})
	if err != nil {
		return nil // strings and a time: it can be encoded
	}
	return text
}
