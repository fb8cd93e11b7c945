package notifications_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications"
)

// handedOff is what a sender of the operator's reads.
type handedOff struct {
	To           []uuid.UUID       `json:"to_user"`
	Notification map[string]any    `json:"notification"`
	Devices      []map[string]any  `json:"devices"`
	header       map[string]string // of the record
}

// receive reads what is handed off.
func (w *world) receive() (received func() []handedOff) {
	w.tb.Helper()
	var mu sync.Mutex
	var all []handedOff
	began := make(chan struct{})
	reader, err := w.kafka.NewReader(bus.ReaderConfig{
		Topics: []string{"push"}, Since: time.Unix(1, 0), CaughtUp: func() { close(began) },
		Handler: func(_ context.Context, records []bus.Record) error {
			mu.Lock()
			defer mu.Unlock()
			for _, record := range records {
				one := handedOff{header: record.Headers}
				if err := json.Unmarshal(record.Value, &one); err != nil {
					return err
				}
				all = append(all, one)
			}
			return nil
		},
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	servicetest.Run(w.tb, "the operator's sender", reader.Run)
	<-began
	return func() []handedOff {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func posted(room, sender uuid.UUID, to events.Audience, text string) events.MessagePosted {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		panic(err)
	}
	return events.MessagePosted{
		RoomID: room, Audience: to, Preview: wire.Preview{Type: "Text", SenderUsername: "bob", Text: text},
		Message: wire.Message{RoomID: room, ID: uuid.New(), SenderID: sender, Type: wire.Text, Body: body, CreatedAt: wire.At(time.Now())},
	}
}

func TestUsersWithoutAStreamAreHandedOff(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, onSQLite, handOff, func(cfg *notifications.Config) { cfg.Push.Preview, cfg.Push.Grace = "full", 3*time.Second })
	received := w.receive()
	alice, bob, carol, dave, erin, edge, room := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	if got := w.as(alice, http.MethodPost, "/api/devices", `{"deviceId":"phone","kind":"Fcm","token":"a:b"}`); got.Status != http.StatusOK {
		t.Fatal(got)
	}
	if got := w.as(dave, http.MethodPut, "/api/notify/settings", `{"level":"mentions"}`); got.Status != http.StatusOK {
		t.Fatal(got)
	}
	all := events.Audience{Users: []uuid.UUID{alice, bob, carol, dave, erin}, Version: 1}
	came := event(events.PresenceChanged{UserID: carol, EdgeID: edge, Online: true})
	soup := posted(room, bob, all, "Soup?")
	large := posted(uuid.New(), bob, events.WholeRoom(3), "Everybody!")
	large.Message.Mentions = []uuid.UUID{dave, bob}
	w.append(
		event(events.EdgeAlive{EdgeID: edge, Until: wire.At(time.Now().Add(time.Minute))}),
		came,
		event(soup),
		event(events.RoomRead{RoomID: room, UserID: erin, ReadAt: soup.Message.CreatedAt, Audience: all}),
		event(posted(uuid.New(), bob, events.WholeRoom(3), "Nobody in particular")),
		event(large),
		event(events.FriendRequested{UserID: alice, FromUser: wire.User{ID: bob, DisplayName: "bob"}}),
	)
	servicetest.Await(t, "three are handed off", func() bool { return len(received()) >= 3 })
	got := map[string]handedOff{}
	for _, one := range received() {
		text := fmt.Sprint(one.Notification["type"])
		if message, is := one.Notification["message"].(map[string]any); is {
			text += " " + fmt.Sprint(message["msgBody"].(map[string]any)["text"])
		}
		got[text] = one
	}
	for text, to := range map[string][]uuid.UUID{"ChatMessage Soup?": {alice}, "ChatMessage Everybody!": {dave}, "FriendRequestReceived": {alice}} {
		if one := got[text]; !slices.Equal(one.To, to) || one.header[events.HeaderID] == "" {
			t.Errorf("%s is for %v, want %v", text, one.To, to)
		}
	}
	soups := got["ChatMessage Soup?"]
	if len(soups.Devices) != 1 || soups.Devices[0]["token"] != "a:b" || soups.Devices[0]["userId"] != alice.String() || soups.Notification["roomPreviewText"] == nil {
		t.Errorf("handed off is %+v", soups)
	}
	if len(got["ChatMessage Everybody!"].Devices) != 0 {
		t.Errorf("others' devices are handed off: %+v", got)
	}
	// Carol has a stream no longer, as its edge has stopped; erin has read it.
	w.append(event(events.EdgeAlive{EdgeID: edge, Until: wire.At(time.Now())}))
	servicetest.Await(t, "carol is told", func() bool { return len(received()) >= 4 })
	if more := received()[3:]; len(more) != 1 || !slices.Equal(more[0].To, []uuid.UUID{carol}) {
		t.Errorf("then %+v", more)
	}
}

// Nothing runs until there is a device; then its browser is told.
func TestABrowserIsToldWithoutAHandOff(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 10)
	service := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		got <- request
		answer.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(service.Close)
	w := newWorldOn(t, onSQLite, pushHere)
	alice, bob := uuid.New(), uuid.New()
	if answer := w.as(alice, http.MethodPost, "/api/devices", webPush("laptop", service.URL+"/1")); answer.Status != http.StatusOK {
		t.Fatal(answer)
	}
	w.append(event(posted(uuid.New(), bob, events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1}, "Soup?")))
	select {
	case request := <-got:
		if request.URL.Path != "/1" || request.Header.Get("Content-Encoding") != "aes128gcm" {
			t.Errorf("sent is %v", request)
		}
	case <-time.After(servicetest.Timeout):
		t.Error("nothing is sent")
	}
}

// What goes to a topic goes to endpoints that are subscribed, too, with or without a topic.
func TestUsersWithoutAStreamAreHandedOffByWebhook(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*notifications.Config){"with a topic": handOff, "without one": func(cfg *notifications.Config) { cfg.Push.Webhooks = true }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, onSQLite, set)
			backend := newReceiver(t, ok)
			made := w.newHook(`{"url":"` + backend.URL + `","types":["dev.ism.push.requested"]}`)
			alice, bob, room := uuid.New(), uuid.New(), uuid.New()
			if got := w.as(alice, http.MethodPost, "/api/devices", `{"deviceId":"phone","kind":"Fcm","token":"a:b"}`); got.Status != http.StatusOK {
				t.Fatal(got)
			}
			w.append(event(posted(room, bob, events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1}, "Soup?")))
			got := backend.await(t, 1)[0]
			if event := verified(t, made.Secret, got); event.Type != "dev.ism.push.requested" {
				t.Errorf("come is %s", got.body)
			}
			if err := w.description.Conforms("dev.ism.push.requested", got.body); err != nil {
				t.Error(err)
			}
			var event struct {
				Subject uuid.UUID
				Data    handedOff
			}
			if err := json.Unmarshal(got.body, &event); err != nil || event.Subject != room || !slices.Equal(event.Data.To, []uuid.UUID{alice}) ||
				len(event.Data.Devices) != 1 || event.Data.Devices[0]["token"] != "a:b" || event.Data.Notification["type"] != "ChatMessage" {
				t.Errorf("it says %s, %v", got.body, err)
			}
		})
	}
}
