package notifications

import (
	"context"
	"fmt"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

const source = "/ism/notifications"

// append appends an event to its log, and waits until it is there.
func (s *Service) append(ctx context.Context, event events.Event) error {
	headers, value, err := events.Encode(event)
	if err != nil {
		return fmt.Errorf("encode %s: %w", event.Data.EventName(), err)
	}
	record := bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Headers: headers, Value: value}
	if _, err := s.appender.Append(ctx, record); err != nil {
		return fmt.Errorf("append %s: %w", event.Data.EventName(), err)
	}
	return nil
}
