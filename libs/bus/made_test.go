package bus

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/events"
)

// Brokers may take a topic and tell of it a little later. Who joins a group before that goes without the topic.
func TestTopicsThatWereMadeAreKnown(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	var unknown atomic.Int64 // answers that do not tell of it yet
	broker.cluster.ControlKey(kmsg.CreateTopics.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		unknown.Store(3)
		return nil, nil, false
	})
	broker.cluster.ControlKey(kmsg.Metadata.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		broker.cluster.KeepControl()
		if unknown.Load() == 0 {
			return nil, nil, false
		}
		unknown.Add(-1)
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		at := kmsg.NewMetadataResponseBroker()
		at.Host, at.Port = "127.0.0.1", int32(broker.port)
		response.Brokers = append(response.Brokers, at)
		return response, nil, true
	})
	w := newWorld(t, broker.addresses())
	if err := w.EnsureTopics(within(t, timeout), events.TopicRooms); err != nil {
		t.Fatal(err)
	}
	if left := unknown.Load(); left != 0 {
		t.Errorf("nobody was asked whether the topic is known: %d answers would say that it is not", left)
	}
}
