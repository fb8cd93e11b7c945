package realtime_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/realtime/internal/fanout"
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

// deliveries are the stream events of what a fan-out writes.
type deliveries struct{ data []json.RawMessage }

func (d *deliveries) ProduceAll(_ context.Context, records []bus.Record) ([]bus.Receipt, error) {
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			return nil, err
		}
		if delivery, ok := event.Data.(events.Delivery); ok {
			for _, stream := range delivery.Streams {
				d.data = append(d.data, stream.Data)
			}
		}
	}
	return make([]bus.Receipt, len(records)), nil
}

func TestEventsAreAsDescribed(t *testing.T) {
	described := openapitest.Load(t, description)
	written, tel := &deliveries{}, telemetry.Discard(nil)
	fan, err := fanout.New(written, 12, 10, bus.New(bus.Config{}, tel).Tracing(fanout.Group), tel)
	if err != nil {
		t.Fatal(err)
	}
	for name, golden := range eventstest.Golden(t) {
		record := bus.Record{Topic: events.TopicRooms, Key: golden.Key, Headers: golden.Headers, Value: golden.Value}
		if err := fan.Handle(t.Context(), []bus.Record{record}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	resync, err := json.Marshal(wire.Resync{Type: "Resync", Reason: "expired", CreatedAt: now()})
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, data := range append(written.data, resync) {
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
	if len(types) != 3 {
		t.Errorf("types %v", types)
	}
	if err := described.Conforms("StreamEvent", []byte(`{"type":"ChatMessage","id":"0192d3a0-0000-7000-8000-000000000001"}`)); err == nil {
		t.Error("the description takes anything")
	}
}
