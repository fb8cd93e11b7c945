package events_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

func Example() {
	room, reader := uuid.MustParse("0192d3a0-0000-7000-8000-000000000001"), uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	at := time.Date(2026, 11, 23, 12, 30, 45, 0, time.UTC)
	event := events.New("/ism/rooms", at, events.RoomRead{
		RoomID: room, UserID: reader, ReadAt: wire.At(at), Audience: events.Audience{Users: []uuid.UUID{reader}, Version: 1},
	})
	headers, value, err := events.Encode(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Data.Topic(), headers["ce_type"], headers["ce_dataschema"])

	read, err := events.Decode(headers, value)
	if err != nil {
		fmt.Println(err)
		return
	}
	if inRoom, ok := read.Data.(events.RoomEvent); ok { // whatever happened: who may see it
		fmt.Println(inRoom.InRoom(), inRoom.SeenBy().Version)
	}
	// Output:
	// ism.rooms ism.room.read.v1 urn:ism:events:room.read:1.2
	// 0192d3a0-0000-7000-8000-000000000001 1
}
