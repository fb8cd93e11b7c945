package intake

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
)

// IDs gives the id of a user's notification. Where what is to be told has a name, the id follows from it: so whoever asks twice, of whichever process,
// tells it once.
type IDs func(user uuid.UUID) uuid.UUID

// Namespaces of ids (RFC 9562, section 5.5), one for each kind of name, so that no two names of different kinds give one id.
var (
	namespaceKey    = uuid.MustParse("5f0b3a5c-9d1e-4a58-8f0e-2f6f7f1d9b11")
	namespaceHook   = uuid.MustParse("0c3c1f0e-7f4b-4e0b-9a57-6b2b1f0d8a2e")
	namespaceEvent  = uuid.MustParse("b1c0a6de-2a64-4f0c-8a1b-93d5c2e7f413")
	namespaceRecord = uuid.MustParse("e7f7d5c2-51a9-4c36-9b0d-4d8e6a1f2c70")
)

// Unnamed gives another id each time.
func Unnamed() IDs {
	return func(uuid.UUID) uuid.UUID { return uuid.Must(uuid.NewV7()) }
}

// OfKey is of what a backend gives a name, as by an Idempotency-Key.
func OfKey(backend uuid.UUID, key string) IDs {
	return func(user uuid.UUID) uuid.UUID {
		return uuid.NewSHA1(namespaceKey, slices.Concat(user[:], backend[:], []byte(key)))
	}
}

// OfHook is of a webhook of a source: all deliveries of a webhook have its id.
func OfHook(source, id string) IDs { return named(namespaceHook, source, id) }

// OfEvent is of a CloudEvent.
func OfEvent(event Event) IDs { return named(namespaceEvent, event.Source, event.ID) }

// OfRecord is of a Kafka record without a name: by where it stands, when it was written, and what it says. So it stays the same when it is read again, and
// is another one where the topic was made anew and the record has the offset of another.
func OfRecord(record bus.Record) IDs {
	at := binary.BigEndian.AppendUint32(nil, uint32(record.Partition))
	at = binary.BigEndian.AppendUint64(at, uint64(record.Offset))
	at = binary.BigEndian.AppendUint64(at, uint64(record.Time.UnixMilli()))
	return named(namespaceRecord, record.Topic, string(at)+string(record.Value))
}

// named tells where the source ends and the id begins. It reads the name once, however many users there are.
func named(space uuid.UUID, source, id string) IDs {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(source)))
	name := uuid.NewSHA1(space, slices.Concat(length, []byte(source), []byte(id)))
	return func(user uuid.UUID) uuid.UUID { return uuid.NewSHA1(name, user[:]) }
}
