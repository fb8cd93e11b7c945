package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// hooked is what a backend's receiver was sent.
type hooked struct {
	mu       sync.Mutex
	requests []hookedRequest
	down     bool
}

type hookedRequest struct {
	header http.Header
	body   []byte
}

func (h *hooked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.requests = append(h.requests, hookedRequest{r.Header, body})
}

func (h *hooked) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

// messages are those of a room that were sent with a good signature, in their order.
func (h *hooked) messages(t *testing.T, secret string, room uuid.UUID) (texts []string) {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, request := range h.requests {
		var event struct {
			Type string
			Data struct{ Message wire.Message }
		}
		if err := webhook.Verify(request.body, request.header); err != nil {
			t.Errorf("a webhook is not signed: %v", err)
		}
		if err := json.Unmarshal(request.body, &event); err != nil {
			t.Fatal(err)
		}
		var body wire.TextBody
		if event.Type == "dev.ism.message.created" && event.Data.Message.RoomID == room && json.Unmarshal(event.Data.Message.Body, &body) == nil {
			texts = append(texts, body.Text)
			if event.Data.Message.Position == "" {
				t.Errorf("%s has no position", body.Text)
			}
		}
	}
	return texts
}

// backendGetsWebhooks has a backend told of the messages of a room, in their order, also while its receiver was down for a moment.
func backendGetsWebhooks(t *testing.T, d *deployment.Deployment) {
	alice, bob, backend := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.Backend(t)
	room := createRoom(t, alice, wire.Group, "Hooks", bob)
	receiver := &hooked{}
	server := httptest.NewServer(receiver)
	defer server.Close()
	if _, err := alice.CreateWebhook(t.Context(), client.NewWebhook{URL: server.URL, Types: []string{"dev.ism.message.created"}}); !client.HasCode(err, "forbidden") {
		t.Errorf("as a user: %v", err)
	}
	made, err := backend.CreateWebhook(t.Context(), client.NewWebhook{
		URL: server.URL + "/hook", Types: []string{"dev.ism.message.created"}, Rooms: []uuid.UUID{room.ID}, Ordered: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := backend.DeleteWebhook(t.Context(), made.ID); err != nil {
			t.Error(err)
		}
	}()
	send(t, alice, room.ID, "one")
	servicetest.Await(t, "the first webhook", func() bool { return len(receiver.messages(t, made.Secret, room.ID)) == 1 })
	receiver.set(true)
	send(t, bob, room.ID, "two")
	servicetest.Await(t, "an attempt fails", func() bool {
		kept, err := backend.Webhook(t.Context(), made.ID)
		return err == nil && kept.Failures > 0
	})
	receiver.set(false)
	send(t, alice, room.ID, "three")
	deadline := time.Now().Add(time.Minute)
	for len(receiver.messages(t, made.Secret, room.ID)) < 3 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if got := receiver.messages(t, made.Secret, room.ID); len(got) != 3 || got[0] != "one" || got[1] != "two" || got[2] != "three" {
		t.Errorf("come are %q", got)
	}
	var delivered []client.WebhookDelivery
	servicetest.Await(t, "what was taken is recorded", func() bool {
		delivered, _, err = backend.WebhookDeliveries(t.Context(), made.ID, "delivered", "")
		return err == nil && len(delivered) == 3
	})
	if delivered[1].Attempts < 2 {
		t.Errorf("deliveries are %+v", delivered)
	}
}
