package realtime_test

import (
	"encoding/json"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime"
)

const description = "api/openapi.yaml"

func TestDescriptionAndRoutesAgree(t *testing.T) {
	tel := telemetry.Discard(nil)
	service, err := realtime.New(config(), realtime.Deps{
		Telemetry: tel, Verifier: authntest.New(t).Verifier(t, tel), Bus: bus.New(busConfig(nil), tel),
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	service.Routes(app)
	openapitest.Check(t, app, description)
}

func TestEventsAreAsDescribed(t *testing.T) {
	described := openapitest.Load(t, description)
	var written []json.RawMessage
	for name, golden := range eventstest.Golden(t) {
		event, err := events.Decode(golden.Headers, golden.Value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		users := []uuid.UUID{uuid.New()}
		if inRoom, ok := event.Data.(events.RoomEvent); ok {
			users = append(users, inRoom.SeenBy().Users...)
		}
		seen, err := events.StreamEvents(event, users)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range seen {
			written = append(written, one.Data)
		}
	}
	resync, err := json.Marshal(wire.Resync{Type: "Resync", Reason: "expired", CreatedAt: wire.At(now())})
	if err != nil {
		t.Fatal(err)
	}
	ended, err := json.Marshal(wire.StreamEnded{Type: "StreamEnded", Reason: wire.EndExpired, CreatedAt: wire.At(now())})
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, data := range append(written, resync, ended) {
		if err := described.Conforms("StreamEvent", data); err != nil {
			t.Errorf("%s is not as described: %v", data, err)
		}
		var event struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(data, &event); err != nil {
			t.Fatal(err)
		}
		types[event.Type] = true
	}
	if len(types) != 16 {
		t.Errorf("types %v", types)
	}
	if err := described.Conforms("StreamEvent", []byte(`{"type":"ChatMessage","id":"0192d3a0-0000-7000-8000-000000000001"}`)); err == nil {
		t.Error("the description takes anything")
	}
}
