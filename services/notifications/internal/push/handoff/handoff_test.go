package handoff

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
)

// log keeps what is written.
type log struct {
	records []bus.Record
	ctx     context.Context //nolint:containedctx // what is traced in it is looked at
}

func (l *log) ProduceAll(ctx context.Context, records []bus.Record) ([]bus.Receipt, error) {
	l.ctx, l.records = ctx, append(l.records, records...)
	return nil, nil
}

func TestManyDevicesAreHandedOffInSeveralRecords(t *testing.T) {
	t.Parallel()
	to := &log{}
	told := taker.Told{Event: &taker.Event{ID: uuid.New(), RoomID: uuid.New(), Shown: []byte(`{"type":"ChatMessage"}`)}}
	for range 12 {
		user := uuid.New()
		told.Users = append(told.Users, user)
		for n := range 20 {
			told.Devices = append(told.Devices, store.Device{UserID: user, ID: strconv.Itoa(n), Kind: store.FCM, Target: strings.Repeat("x", 1024)})
		}
		told.Devices = append(told.Devices, store.Device{UserID: user, ID: "browser", Kind: store.WebPush, Target: "https://push.example/secret"})
	}
	if err := New("push", to).Tell(t.Context(), []taker.Told{told}); err != nil {
		t.Fatal(err)
	}
	var users, devices int
	for _, record := range to.records {
		var said payload.PushRequested
		if err := json.Unmarshal(record.Value, &said); err != nil || len(said.Devices) > maxDevices || string(said.Notification) != string(told.Event.Shown) {
			t.Errorf("a record has %d devices and says %s, %v", len(said.Devices), said.Notification, err)
		}
		if strings.Contains(string(record.Value), "push.example") || record.Key != told.Event.RoomID.String() || record.Topic != "push" {
			t.Errorf("a record of %s to %s says %.200s", record.Key, record.Topic, record.Value)
		}
		users, devices = users+len(said.ToUser), devices+len(said.Devices)
	}
	if len(to.records) != 3 || users != 12 || devices != 240 {
		t.Errorf("%d records have %d users and %d devices", len(to.records), users, devices)
	}
}

// Who reads ISM's topic finds nothing else in a record of users without tokens.
func TestWithoutTokensARecordIsISMs(t *testing.T) {
	t.Parallel()
	to, user := &log{}, uuid.New()
	told := taker.Told{Event: &taker.Event{ID: uuid.New(), Shown: []byte(`{"type":"FriendRequestReceived"}`)}, Users: []uuid.UUID{user}}
	if err := New("push", to).Tell(t.Context(), []taker.Told{told}); err != nil {
		t.Fatal(err)
	}
	want := `{"to_user":["` + user.String() + `"],"notification":{"type":"FriendRequestReceived"}}`
	if len(to.records) != 1 || string(to.records[0].Value) != want || to.records[0].Key != user.String() {
		t.Errorf("handed off is %+v", to.records)
	}
}

// Who follows a message finds its hand-off in the same trace. What is of none begins none.
func TestAHandOffIsOfTheTraceOfWhatItTells(t *testing.T) {
	t.Parallel()
	const of = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	to, user := &log{}, uuid.New()
	for _, traceparent := range []string{of, ""} {
		told := taker.Told{Event: &taker.Event{ID: uuid.New(), Shown: []byte(`{"type":"ChatMessage"}`), Trace: traceparent}, Users: []uuid.UUID{user}}
		if err := New("push", to).Tell(t.Context(), []taker.Told{told}); err != nil {
			t.Fatal(err)
		}
	}
	if _, has := to.records[1].Headers[taker.HeaderTrace]; has || to.records[0].Headers[taker.HeaderTrace] != of {
		t.Errorf("the headers are %v and %v", to.records[0].Headers, to.records[1].Headers)
	}
	if sampled := trace.SpanContextFromContext(to.ctx); !sampled.IsValid() || sampled.IsSampled() {
		t.Error("a record of no trace begins one")
	}
}

// announced keeps what is announced.
type announced struct{ webhooks []payload.Webhook }

func (a *announced) Announce(_ context.Context, all ...payload.Webhook) error {
	a.webhooks = append(a.webhooks, all...)
	return nil
}

// A webhook says what a record does.
func TestTheSameIsHandedOffByWebhook(t *testing.T) {
	t.Parallel()
	topic, webhooks := &log{}, &announced{}
	told := taker.Told{Event: &taker.Event{ID: uuid.New(), RoomID: uuid.New(), Shown: []byte(`{"type":"ChatMessage"}`)}, Users: []uuid.UUID{uuid.New(), uuid.New()}}
	told.Devices = []store.Device{{UserID: told.Users[0], ID: "phone", Kind: store.APNs, Target: "t"}, {UserID: told.Users[1], ID: "browser", Kind: store.WebPush, Target: "u"}}
	for _, outlet := range []taker.Outlet{New("push", topic), ToWebhooks(webhooks)} {
		if err := outlet.Tell(t.Context(), []taker.Told{told}); err != nil {
			t.Fatal(err)
		}
	}
	if len(topic.records) != 1 || len(webhooks.webhooks) != 1 {
		t.Fatalf("%d records, %d webhooks", len(topic.records), len(webhooks.webhooks))
	}
	var event struct{ Data json.RawMessage }
	if err := json.Unmarshal(webhooks.webhooks[0].Body, &event); err != nil || string(event.Data) != string(topic.records[0].Value) {
		t.Errorf("the webhook says %s, the record %s, %v", event.Data, topic.records[0].Value, err)
	}
}
