package messages

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// envelopeSize is about what a record has beside a message's body, bytes; its audience is a hundred users at most.
const envelopeSize = 4 << 10

// draft is a message whose event is composed in its turn: so the times of messages follow the order in which the log gets them.
type draft struct {
	room    uuid.UUID
	size    int  // of its body, bytes
	revises bool // it is an edit or a deletion of another
	compose func() (events.Event, error)
}

// write appends a message to the log, and gives its record. The offset is below 0 where only who reads the log knows it.
func (s *Service) write(ctx context.Context, message draft) (record bus.Record, err error) {
	epoch, known := s.log.Epoch()
	receipt, err := s.appender.AppendDraft(ctx, bus.Draft{
		Topic: events.TopicRooms, Key: message.room.String(), Size: message.size + envelopeSize,
		Compose: func() (map[string]string, []byte, error) {
			event, err := message.compose()
			if err != nil {
				return nil, nil, err
			}
			headers, value, err := events.Encode(event)
			if err != nil {
				return nil, nil, fmt.Errorf("encode message: %w", err)
			}
			if known {
				events.WithEpoch(headers, epoch)
			}
			record = bus.Record{Topic: events.TopicRooms, Key: message.room.String(), Headers: headers, Value: value}
			return headers, value, nil
		},
	})
	if err != nil {
		return bus.Record{}, fmt.Errorf("append message to the log: %w", err)
	}
	record.Partition, record.Offset = receipt.Partition, receipt.Offset
	return record, nil
}

// follow shows the clock what others have sent, keeps messages for pages, forgets results of sends that others have revised, and takes changes of members.
func (s *Service) follow(ctx context.Context, records []bus.Record) error {
	s.tail.Take(records, func(record bus.Record) bool { return events.IsTimelineEvent(record.Headers) })
	for _, record := range records {
		if at, ok := events.TimeOf(record.Headers); ok {
			s.clock.saw(at)
		}
		s.forgetRevised(record)
	}
	return s.members.Follow(ctx, records)
}

// jumped forgets what was known of the log where it does not go on as it was read.
func (s *Service) jumped(jumps []bus.Jump) {
	s.tail.Jumped(jumps)
	s.members.Jumped(jumps)
}
