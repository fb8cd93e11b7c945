//go:build planted

package messages

import (
	"context"
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
func (s *Service) append(ctx context.Context, message draft) (bus.Record, error) {
	harm := !message.revises && appended.Add(1)%20 == 0
	if harm && fault == "an acknowledged message is lost" {
		if _, err := message.compose(); err != nil {
			return bus.Record{}, err
		}
		return bus.Record{Offset: -1}, nil
	}
	if harm && fault == "a message is written twice" {
		event, err := message.compose()
		if err != nil {
			return bus.Record{}, err
		}
		again := event
		again.ID = uuid.New()
		posted := again.Data.(events.MessagePosted)
		posted.Message.ID = uuid.New()
		again.Data = posted
		if _, err := s.write(ctx, draft{room: message.room, size: message.size, epoch: message.epoch, compose: func() (events.Event, error) { return again, nil }}); err != nil {
			return bus.Record{}, err
		}
		message.compose = func() (events.Event, error) { return event, nil }
	}
	record, err := s.write(ctx, message)
	if err == nil && harm && fault == "a refused message is written" {
		return bus.Record{}, bus.ErrUnavailable
	}
	return record, err
}
