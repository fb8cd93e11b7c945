package bus

import (
	"errors"
	"fmt"

	"github.com/ism-chat/ism/libs/events"
)

// Decoded is a record and the event of type T in it.
type Decoded[T events.Data] struct {
	Record Record
	Event  events.Event
	Data   T
}

// Decode gives the records whose events are of type T, in their order; T may be an interface such as [events.RoomEvent]. All others are
// passed over, also types that this build does not know. The error, of the first record that is malformed, is [ErrRejected]: a
// handler that returns it is handed the records again one by one, and only that record goes to the dead letters.
func Decode[T events.Data](records []Record) ([]Decoded[T], error) {
	decoded := make([]Decoded[T], 0, len(records))
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		switch {
		case errors.Is(err, events.ErrUnknownType):
			continue
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrRejected, err)
		}
		if data, ok := event.Data.(T); ok {
			decoded = append(decoded, Decoded[T]{Record: record, Event: event, Data: data})
		}
	}
	return decoded, nil
}
