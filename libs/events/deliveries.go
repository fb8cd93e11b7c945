package events

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"strconv"

	"github.com/google/uuid"
)

// Delivery is what realtime's fan-out hands to its edges: one source event, for the users of one partition of
// [TopicDeliveries]. There is at most one Delivery of a source event in each partition, but for repeats after a crash,
// which Origin lets the reader drop.
type Delivery struct {
	// Partition is the partition it is written to.
	Partition int32 `json:"partition"`
	// EventID is the id of the source event, the same if the source was itself written twice.
	EventID uuid.UUID `json:"eventId"`
	// Origin is where the source event stands in its log.
	Origin Origin `json:"origin"`
	// Streams are the server-sent events to write, each with its recipients; a user is in at most one of them.
	Streams []StreamEvent `json:"streams"`
}

// Origin is where a source event stands in its Kafka log.
type Origin struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// StreamEvent is the data of one server-sent event and the users on whose streams it belongs.
type StreamEvent struct {
	To   []uuid.UUID     `json:"to"`
	Data json.RawMessage `json:"data"` // a ChatMessage, NewRoom, … object of the wire, on one line
}

func (Delivery) EventName() string      { return "delivery" }
func (Delivery) Topic() string          { return TopicDeliveries }
func (d Delivery) PartitionKey() string { return strconv.Itoa(int(d.Partition)) }

func (d Delivery) validate() error {
	switch {
	case d.EventID == uuid.Nil:
		return errors.New("eventId is missing")
	case d.Origin.Topic == "":
		return errors.New("origin.topic is missing")
	case len(d.Streams) == 0:
		return errors.New("streams are missing")
	}
	return nil
}

// UserPartition is the partition of [TopicDeliveries], of the given number of partitions, that holds all that the user sees.
func UserPartition(user uuid.UUID, partitions int32) int32 {
	h := fnv.New32a()
	_, _ = h.Write(user[:])
	return int32(h.Sum32() % uint32(partitions))
}
