package telemetry

import (
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
)

// Attributes of spans by which what happened to a message, or in a room, is found. OpenTelemetry's messaging.message.id is
// something else: the id of the event in the record.
const (
	MessageIDKey = attribute.Key("ism.message.id")
	RoomIDKey    = attribute.Key("ism.room.id")
)

// MessageID names the message that a span is about.
func MessageID(id uuid.UUID) attribute.KeyValue { return MessageIDKey.String(id.String()) }

// RoomID names the room that a span is about.
func RoomID(id uuid.UUID) attribute.KeyValue { return RoomIDKey.String(id.String()) }
