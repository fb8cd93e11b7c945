//go:build planted

package messages

import (
	"context"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// The faults of a program that is built with the tag planted, see test/faults: PLANTED_FAULT names the one that it has. Never ship it.
var (
	fault    = os.Getenv("PLANTED_FAULT")
	appended atomic.Int64
	arrived  atomic.Int64
	last     = 60 + rand.Int64N(120) // the send that this process does not survive
)

const (
	beforeAppend point = "before the append"
	afterAck     point = "after the ack"
)

// mercy is how long at most a process lives on that is killed during something.
var mercy = map[point]time.Duration{duringWrite: 3 * time.Millisecond, duringAnswer: 300 * time.Microsecond}

// reached kills the process, as kill -9 does, when so many sends have come to the point that the fault names.
func reached(at point) {
	if fault != "killed "+string(at) || arrived.Add(1) != last {
		return
	}
	kill := func() {
		time.Sleep(time.Duration(rand.Int64N(int64(mercy[at]) + 1)))
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // it is about to be
	}
	if mercy[at] == 0 {
		kill()
	}
	go kill()
}

// isNamed forgets names.
func (u utterance) isNamed() bool { return u.name != "" && fault != "a name is forgotten" }

// append ends the process before it appends or behind it.
func (s *Service) append(ctx context.Context, message draft) (bus.Record, error) {
	reached(beforeAppend)
	record, err := s.appendAmiss(ctx, message)
	if err == nil {
		reached(afterAck)
	}
	return record, err
}

// appendAmiss loses a message that it says is written, writes it twice, or says that it is not written when it is.
func (s *Service) appendAmiss(ctx context.Context, message draft) (bus.Record, error) {
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
