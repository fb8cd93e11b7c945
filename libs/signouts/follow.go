package signouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

const (
	// margin is how much further back is read, as the brokers' clocks may differ from this one.
	margin   = 10 * time.Minute
	maxBatch = 500
	// longPoll is how often this costs the brokers a request at rest, in every process. A sign-out ends the fetch that waits for it.
	longPoll = 4 * time.Second
	// lookEvery is how often it is looked whether reading is behind, and late how far behind is worth a line in the log.
	lookEvery = 10 * time.Second
	late      = time.Minute
)

// Ready reports whether it is known who was signed out before the start. It stays nil while the brokers are away.
func (s *SignOuts) Ready(context.Context) error {
	if !s.isKnown() {
		return errors.New("it has not been read yet who was signed out")
	}
	return nil
}

// Follow gives the lifecycle part that reads the log, until ctx is done.
func (s *SignOuts) Follow(log *bus.Bus) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		behind := &lateness{log: s.log}
		reader, err := log.NewReader(bus.ReaderConfig{
			Topics:      []string{events.TopicUsers},
			Since:       s.now().Add(-s.life - margin),
			Handler:     s.Take,
			MaxBatch:    maxBatch,
			LongPoll:    longPoll,
			CaughtUp:    s.CaughtUp,
			HandledAsOf: func(at time.Time) { s.metrics.asOf.Set(float64(at.Unix())); behind.asOf(at) },
		})
		if err != nil {
			return fmt.Errorf("make the reader of sign-outs: %w", err)
		}
		watched := make(chan struct{})
		watching, stop := context.WithCancel(ctx)
		go func() {
			defer close(watched)
			behind.watch(watching, s.now)
		}()
		err = reader.Run(ctx)
		stop()
		<-watched
		return err
	}
}

// CaughtUp says, once, that all has been taken that was in the log at the start.
func (s *SignOuts) CaughtUp() { close(s.known) }

// Take takes records of the users' log. It is a reader's Handler: its error is logged, and what can be read of the records is taken all the same.
func (s *SignOuts) Take(ctx context.Context, records []bus.Record) error {
	var faults []error
	for _, record := range records {
		if !events.EndsSessions(record.Headers) {
			continue
		}
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			faults = append(faults, fmt.Errorf("offset %d: %w", record.Offset, err))
			continue
		}
		switch data := event.Data.(type) {
		case events.UserSignedOut:
			s.take(ctx, SignOut{UserID: data.UserID, Issuer: data.Issuer, SessionID: data.SessionID, Before: data.Before.Time})
		case events.UserDeleted:
			s.take(ctx, SignOut{UserID: data.UserID, Before: event.Time})
		}
	}
	return errors.Join(faults...)
}

func (s *SignOuts) take(ctx context.Context, out SignOut) {
	s.metrics.taken.Inc()
	s.add(ctx, out)
}
