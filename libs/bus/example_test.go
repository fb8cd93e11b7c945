package bus_test

import (
	"context"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
)

// A service that counts messages reads the rooms' log as a consumer group. Run is a part of the service, see package lifecycle.
func ExampleBus_NewConsumer() {
	kafka := bus.New(bus.Config{Brokers: []string{"localhost:9092"}, SecurityProtocol: "plaintext", Replication: 1}, telemetry.Discard(nil))
	messages := 0
	consumer, err := kafka.NewConsumer(bus.ConsumerConfig{
		Group:  "ism.statistics",
		Topics: []string{events.TopicRooms},
		Handler: func(_ context.Context, records []bus.Record) error {
			posted, err := bus.Decode[events.MessagePosted](records)
			if err != nil {
				return err // only the record that is malformed goes to the dead letters
			}
			messages += len(posted)
			return nil
		},
		MaxBatch:  500,
		FetchWait: 200 * time.Millisecond, // nobody waits for it: one fetch for many records
	})
	fmt.Println(consumer != nil, err)
	// Output: true <nil>
}
