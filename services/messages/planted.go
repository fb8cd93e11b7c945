//go:build planted

package messages

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// The faults of a program that is built with the tag planted, see test/faults: PLANTED_FAULT names the one that it has. Never ship it.
var (
	fault    = os.Getenv("PLANTED_FAULT")
	appended atomic.Int64
)

// append loses a message that it says is written, writes it twice, or says that it is not written when it is.
func (s *Service) append(ctx context.Context, event events.Event) (bus.Receipt, error) {
	harm := appended.Add(1)%20 == 0
	if harm && fault == "an acknowledged message is lost" {
		return bus.Receipt{Offset: -1}, nil
	}
	if harm && fault == "a message is written twice" {
		again := event
		again.ID = uuid.New()
		posted := again.Data.(events.MessagePosted)
		posted.Message.ID = uuid.New()
		again.Data = posted
		if _, err := s.write(ctx, again); err != nil {
			return bus.Receipt{}, err
		}
	}
	receipt, err := s.write(ctx, event)
	if err == nil && harm && fault == "a refused message is written" {
		return bus.Receipt{}, bus.ErrUnavailable
	}
	return receipt, err
}

func (s *Service) write(ctx context.Context, event events.Event) (bus.Receipt, error) {
	headers, value, err := events.Encode(event)
	if err != nil {
		return bus.Receipt{}, fmt.Errorf("encode message: %w", err)
	}
	if epoch, known := s.log.Epoch(); known {
		events.WithEpoch(headers, epoch)
	}
	return s.appender.Append(ctx, bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Value: value, Headers: headers})
}
