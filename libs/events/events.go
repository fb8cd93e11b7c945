// Package events is the contract between the services: every event that travels over Kafka, its Go type, its schema
// (asyncapi.yaml) and its golden fixture (testdata/golden). With package wire, whose shapes the events carry, it is all that services
// share about each other.
//
// An event is a CloudEvent 1.0 in the Kafka protocol binding's binary mode: the attributes are record headers with the
// prefix "ce_", the value is the JSON of the data alone, and the record's key is the partition key: the id of the room or the user.
// See https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md.
//
// # Versions
//
// The type ends in the major version ("ism.room.created.v1"); the attribute dataschema carries major and minor
// ("urn:ism:events:room.created:1.0"). A minor version only adds optional fields, so a reader takes any minor version of a
// major version it knows and passes over fields it does not. A new major version is a new type. The versions of all types are in the
// catalogue (catalogue.go).
//
// # What a reader does with what it cannot use
//
// A type that the reader has never heard of is [ErrUnknownType]: pass over it, it is meant for others. Everything else that
// does not decode is [ErrMalformed]: it belongs in the dead letters, with the reason.
package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Topics of the suite. Partition counts and retention stand in the bus package's table.
const (
	TopicRooms         = "ism.rooms"         // the log of every room, keyed by room id
	TopicUsers         = "ism.users"         // what happens to users beside rooms, keyed by user id
	TopicNotifications = "ism.notifications" // what backends tell users, keyed by user id
	TopicMedia         = "ism.media"         // what becomes of media, keyed by the id of the user who uploaded them
	TopicMemberships   = "ism.memberships"   // who is in large rooms, keyed by room and part
	TopicEdges         = "ism.edges"         // what realtime's edges tell each other, keyed by user id
	TopicOnline        = "ism.online"        // who is online, at which edge
	TopicDeadLetters   = "ism.dead-letters"  // records that a consumer could not handle, with the reason
)

var (
	// ErrUnknownType is the error for an event type that this build has never heard of, another's event: to be passed over.
	ErrUnknownType = errors.New("unknown event type")
	// ErrMalformed is the error for a record that is no event, or no valid event of its type: for the dead letters.
	ErrMalformed = errors.New("malformed event")
)

// Data is the body of an event: one of the types of this package, as a value.
type Data interface {
	// EventName is the event's name without prefix and version, for example "room.created".
	EventName() string
	// PartitionKey is the Kafka key: events with the same key keep their order.
	PartitionKey() string
	// Topic is the one topic that this type of event is written to.
	Topic() string
	// validate reports what a reader must be able to rely on and is not there.
	validate() error
}

// Event is one CloudEvent.
type Event struct {
	ID     uuid.UUID // unique for each occurrence; a record written twice keeps it
	Source string    // the service that produced it, for example "/ism/rooms"
	Time   time.Time // when it happened, UTC, microseconds
	Data   Data
	// Position is where it is in the log, as clients see it; whoever has read its record may set it. It is not encoded. Empty: not known.
	Position string
}

// Headers by which an event is told from others without being decoded.
const (
	HeaderID   = "ce_id"
	HeaderType = "ce_type"
)

const (
	headerSpecVersion = "ce_specversion"
	headerSource      = "ce_source"
	headerTime        = "ce_time"
	headerSubject     = "ce_subject"
	headerSchema      = "ce_dataschema"
	headerContentType = "content-type"

	specVersion  = "1.0"
	typePrefix   = "ism."
	schemaPrefix = "urn:ism:events:"
)

// New makes the event of data that happened at the given time, with a new id.
func New(source string, at time.Time, data Data) Event {
	return Event{ID: uuid.Must(uuid.NewV7()), Source: source, Time: at.UTC().Truncate(time.Microsecond), Data: data}
}

// TimeOf gives when an event happened, by its record's headers alone. The error says that they do not.
func TimeOf(headers map[string]string) (time.Time, error) {
	return time.Parse(time.RFC3339Nano, headers[headerTime])
}

// Encode gives the record of an event: its headers and its value. It fails with [ErrMalformed] where the data lacks what
// every reader relies on, so that a faulty event is found by its producer.
func Encode(event Event) (headers map[string]string, value []byte, err error) {
	kind, err := kindOfData(event.Data)
	if err != nil {
		return nil, nil, err
	}
	if err := event.Data.validate(); err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrMalformed, event.Data.EventName(), err)
	}
	headers = map[string]string{
		headerSpecVersion: specVersion,
		HeaderID:          event.ID.String(),
		headerSource:      event.Source,
		HeaderType:        typePrefix + kind.name,
		headerTime:        wire.At(event.Time).String(),
		headerSubject:     event.Data.PartitionKey(),
		headerSchema:      schemaPrefix + kind.schema,
		headerContentType: "application/json",
	}
	if _, ok := event.Data.(tombstone); ok {
		return headers, nil, nil
	}
	if data, ok := event.Data.(streamed); ok {
		value, payload, err := encodeStreamed(data, event.Time)
		if err != nil {
			return nil, nil, err
		}
		headers[HeaderPayload] = strconv.Itoa(payload)
		return headers, value, nil
	}
	value, err = json.Marshal(event.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("encode %s: %w", event.Data.EventName(), err)
	}
	return headers, value, nil
}

// tombstone is data whose record has no value, so that compaction removes what its topic has of the key. The key says all of it.
type tombstone interface {
	fromKey(key string) (Data, error)
}

// Decode reads an event from a record. Unknown headers, unknown fields and newer minor versions are tolerated.
// Errors: [ErrUnknownType], [ErrMalformed].
func Decode(headers map[string]string, value []byte) (Event, error) {
	fail := func(format string, args ...any) (Event, error) {
		return Event{}, fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	if v := headers[headerSpecVersion]; v != specVersion {
		return fail("specversion %q is not %q", v, specVersion)
	}
	kind, err := kindOfType(headers[HeaderType])
	if err != nil {
		return Event{}, err
	}
	id, err := uuid.Parse(headers[HeaderID])
	if err != nil {
		return fail("id %q is no UUID", headers[HeaderID])
	}
	at, err := TimeOf(headers)
	if err != nil {
		return fail("time %q is no RFC 3339 time", headers[headerTime])
	}
	data, err := kind.decode(headers[headerSubject], value)
	if err != nil {
		return fail("data of %s: %v", kind.name, err)
	}
	if err := data.validate(); err != nil {
		return fail("data of %s: %v", kind.name, err)
	}
	return Event{ID: id, Source: headers[headerSource], Time: at.UTC(), Data: data}, nil
}
