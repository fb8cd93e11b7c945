package bus

import (
	"testing"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
)

func TestEveryEventHasATopicInTheTable(t *testing.T) {
	for name, golden := range eventstest.Golden(t) {
		event, err := events.Decode(golden.Headers, golden.Value)
		if err != nil {
			t.Fatalf("decode the golden record of %s: %v", name, err)
		}
		if topic := event.Data.Topic(); table()[topic].partitions == 0 {
			t.Errorf("%s is written to %s, which no service could make: add it to the table in topics.go", name, topic)
		}
	}
}
