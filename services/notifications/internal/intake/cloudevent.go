package intake

import (
	"encoding/json"

	"github.com/ism-chat/ism/libs/httpapi"
)

// Event names an occurrence, as CloudEvents do: no two events of a source have one id. The zero value: it has no name.
type Event struct{ Source, ID string }

// cloudEvent is a CloudEvent in structured JSON
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). Attributes that are not here are passed over.
type cloudEvent struct {
	SpecVersion *string         `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
}

const specVersion = "1.0"

// ParseEvent reads ISM's object, or a CloudEvent in structured JSON whose data is that object: it is one that has a specversion. The error is a
// [httpapi.Problem]: malformed-json, invalid-request.
func ParseEvent(text []byte) (Notification, Event, error) {
	var kind struct {
		SpecVersion json.RawMessage `json:"specversion"`
	}
	if json.Unmarshal(text, &kind) != nil || kind.SpecVersion == nil { // what is no JSON is told by Parse
		n, err := Parse(text)
		return n, Event{}, err
	}
	var read cloudEvent
	if err := httpapi.DecodeJSON(text, &read); err != nil {
		return Notification{}, Event{}, err
	}
	if err := read.check(); err != nil {
		return Notification{}, Event{}, err
	}
	var data object
	if err := httpapi.DecodeField("data", read.Data, &data); err != nil {
		return Notification{}, Event{}, err
	}
	n, err := data.notification()
	return n, Event{Source: read.Source, ID: read.ID}, err
}

func (e cloudEvent) check() error {
	switch {
	case e.SpecVersion == nil || *e.SpecVersion != specVersion:
		return httpapi.InvalidRequest("specversion must be 1.0")
	case e.ID == "" || e.Source == "" || e.Type == "":
		return httpapi.InvalidRequest("a CloudEvent needs an id, a source and a type")
	case e.Data == nil:
		return httpapi.InvalidRequest("data is missing; it must be JSON")
	}
	return nil
}

// Headers of a record that is a CloudEvent in binary mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
)

// ParseRecord reads a Kafka record: a CloudEvent in binary mode, whose value is ISM's object, or what ParseEvent reads. The errors are ParseEvent's.
func ParseRecord(headers map[string]string, value []byte) (Notification, Event, error) {
	version, binary := headers[headerSpecVersion]
	if !binary {
		return ParseEvent(value)
	}
	attributes := cloudEvent{SpecVersion: &version, ID: headers[headerID], Source: headers[headerSource], Type: headers[headerType], Data: value}
	if err := attributes.check(); err != nil {
		return Notification{}, Event{}, err
	}
	n, err := Parse(value)
	return n, Event{Source: attributes.Source, ID: attributes.ID}, err
}
