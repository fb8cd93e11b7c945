package rooms

import (
	"context"
	"maps"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
)

// inEpoch is the log of rooms as the relay writes to it: each record says the epoch, so that its readers know its position.
type inEpoch struct {
	outbox.Log
	log *bus.Log
}

func (l inEpoch) ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error) {
	if epoch, known := l.log.Epoch(); known {
		for i, record := range records {
			if record.Topic == events.TopicRooms {
				records[i].Headers = maps.Clone(record.Headers)
				events.WithEpoch(records[i].Headers, epoch)
			}
		}
	}
	return l.Log.ProduceAll(ctx, records)
}
