package realtime

import (
	"context"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
)

// logs are the topics that edges read. Their order is part of every stream's id.
func logs() []string {
	return []string{events.TopicRooms, events.TopicUsers, events.TopicNotifications, events.TopicMedia}
}

// take hands records to whom they are for: the edge, or what edges tell each other.
func (s *Service) take(ctx context.Context, records []bus.Record) error {
	if len(records) > 0 && records[0].Topic == events.TopicEdges {
		return s.peers.Handle(ctx, records)
	}
	return s.edge.Ingest(ctx, records)
}

// jumped hands jumps to whom they are for.
func (s *Service) jumped(jumps []bus.Jump) {
	s.edge.Jumped(jumps)
	for _, jump := range jumps {
		if empty := jump.From == 0 && jump.To == 0; jump.Topic == events.TopicEdges && !empty { // from an empty log nothing is lost
			s.peers.Jumped(jump.Back())
		}
	}
}

// readLogs reads the logs from the ring's window back, and on until ctx is done.
func (s *Service) readLogs(ctx context.Context) error {
	found, err := s.findLogs(ctx)
	if err != nil {
		return err
	}
	// What happened before the window counts as seen. What is read from before it is behind by clocks that differ.
	window := time.Now().Add(-max(s.cfg.RingWindow, membershipReach))
	s.edge.Open(s.deps.Bus.LeastEpoch(), window, topicsOf(found)...)
	s.opened <- found
	select {
	case <-s.memberships:
	case <-ctx.Done():
		return nil
	}
	reader, err := s.deps.Bus.NewReader(bus.ReaderConfig{
		Topics:   append(logs(), events.TopicEdges),
		Since:    window.Add(-margin),
		Handler:  s.take,
		MaxBatch: maxBatch,
		Begin:    s.edge.Begin,
		CaughtUp: s.edge.CaughtUp,
		Jumped:   s.jumped,
	})
	if err != nil {
		return fmt.Errorf("make the reader of the logs: %w", err)
	}
	return reader.Run(ctx)
}

// readMemberships reads who is in large rooms from the beginning, and on until ctx is done. The logs are read when it has caught up.
func (s *Service) readMemberships(ctx context.Context) error {
	reader, err := s.deps.Bus.NewReader(bus.ReaderConfig{
		Topics:   []string{events.TopicMemberships},
		Since:    time.Unix(0, 0),
		Handler:  s.edge.TakeMemberships,
		MaxBatch: maxBatch,
		CaughtUp: func() {
			s.edge.MembershipsCaughtUp()
			close(s.memberships)
		},
	})
	if err != nil {
		return fmt.Errorf("make the reader of memberships: %w", err)
	}
	return reader.Run(ctx)
}

// watchLogs ends the process when the logs are no longer those that the edge has opened: a topic has got partitions, which nobody here reads, or
// was made anew. A process that is started again reads them as they are, and clients resync once.
func (s *Service) watchLogs(ctx context.Context) error {
	select {
	case opened := <-s.opened:
		if err := s.deps.Bus.WatchIncarnations(ctx, s.look, opened); err != nil {
			return fmt.Errorf("%w; clients resync when this is started again", err)
		}
		return nil
	case <-ctx.Done():
		return nil
	}
}

// findLogs makes the topics of the logs that are missing, and gives them as they are.
func (s *Service) findLogs(ctx context.Context) ([]bus.Incarnation, error) {
	if err := s.deps.Bus.EnsureTopics(ctx, logs()...); err != nil {
		return nil, err
	}
	var found []bus.Incarnation
	find := func(ctx context.Context) (err error) {
		found, err = s.deps.Bus.Incarnations(ctx, logs()...)
		return err
	}
	err := retry.Policy{First: time.Second, Max: time.Second}.Do(ctx, find, func(err error, _ time.Duration) {
		s.deps.Telemetry.Log.WarnContext(ctx, "the logs are not known yet; trying again", "error", err)
	})
	if err != nil {
		return nil, fmt.Errorf("find the logs: %w", err)
	}
	return found, nil
}

func topicsOf(found []bus.Incarnation) []cut.Topic {
	topics := make([]cut.Topic, 0, len(found))
	for _, log := range found {
		topics = append(topics, cut.Topic{Name: log.Topic, ID: log.ID.String(), Partitions: log.Partitions})
	}
	return topics
}
