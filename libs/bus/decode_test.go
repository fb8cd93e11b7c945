package bus_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
)

// record is the golden record of an event, at an offset.
func record(t *testing.T, name string, offset int64) bus.Record {
	t.Helper()
	golden := eventstest.Golden(t)[name]
	return bus.Record{Topic: events.TopicRooms, Key: golden.Key, Headers: maps.Clone(golden.Headers), Value: golden.Value, Offset: offset}
}

func TestDecodeGivesTheEventsOfAType(t *testing.T) {
	foreign := record(t, "room.read.v1", 2)
	foreign.Headers["ce_type"] = "com.example.order"
	records := []bus.Record{record(t, "room.created.v1", 1), foreign, record(t, "message.posted.v1", 3), record(t, "ticket.issued.v1", 4)}
	posted, err := bus.Decode[events.MessagePosted](records)
	if err != nil || len(posted) != 1 || posted[0].Record.Offset != 3 || posted[0].Data.RoomID != posted[0].Event.Data.(events.MessagePosted).RoomID {
		t.Errorf("messages: %+v, %v", posted, err)
	}
	inRooms, err := bus.Decode[events.RoomEvent](records)
	if err != nil || len(inRooms) != 2 || inRooms[0].Record.Offset != 1 || inRooms[1].Data.SeenBy().Version != 1 {
		t.Errorf("events of rooms: %+v, %v", inRooms, err)
	}
	if all, err := bus.Decode[events.Data](records); err != nil || len(all) != 3 {
		t.Errorf("events: %+v, %v", all, err)
	}
}

func TestDecodeRejectsWhatIsMalformed(t *testing.T) {
	broken := record(t, "room.read.v1", 2)
	broken.Value = []byte(`{"roomId":`)
	if _, err := bus.Decode[events.MessagePosted]([]bus.Record{record(t, "room.created.v1", 1), broken}); !errors.Is(err, bus.ErrRejected) {
		t.Errorf("a malformed record: %v", err)
	}
}
