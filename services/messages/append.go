//go:build !planted

package messages

import (
	"context"
	"fmt"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// append appends the event of a message to the log. It has a faulty version in planted.go, to prove that the suite of faults would find it.
func (s *Service) append(ctx context.Context, event events.Event) (bus.Receipt, error) {
	headers, value, err := events.Encode(event)
	if err != nil {
		return bus.Receipt{}, fmt.Errorf("encode message: %w", err)
	}
	if epoch, known := s.log.Epoch(); known {
		events.WithEpoch(headers, epoch)
	}
	receipt, err := s.appender.Append(ctx, bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Value: value, Headers: headers})
	if err != nil {
		return bus.Receipt{}, fmt.Errorf("append message to the log: %w", err)
	}
	return receipt, nil
}
