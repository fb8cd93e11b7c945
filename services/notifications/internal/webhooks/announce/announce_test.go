package announce

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
)

// world has endpoints, and takes deliveries.
type world struct {
	endpoints []store.Endpoint
	change    int64
	reads     int
	taken     []delivery.Taken
	fails     error
}

func (w *world) EndpointChanges(context.Context) (int64, error) { return w.change, nil }

func (w *world) Subscribed(context.Context) ([]store.Endpoint, int64, error) {
	w.reads++
	return w.endpoints, w.change, nil
}

func (w *world) Take(_ context.Context, all []delivery.Taken) error {
	w.taken = append(w.taken, all...)
	return w.fails
}

func TestWhoIsSubscribedIsTold(t *testing.T) {
	t.Parallel()
	now := time.Now()
	types := []string{string(payload.TypeWebhookFailing)}
	made := func(types []string, at time.Time) store.Endpoint {
		return store.Endpoint{ID: uuid.New(), Types: types, CreatedAt: at}
	}
	subscribed, failing, other, later := made(types, now), made(types, now), made([]string{string(payload.TypePushRequested)}, now), made(types, now.Add(time.Hour))
	w := &world{endpoints: []store.Endpoint{subscribed, failing, other, later}, change: 1}
	a := New(w, w)
	webhook := payload.Webhook{ID: uuid.New(), Type: payload.TypeWebhookFailing, At: now.Add(time.Minute), EndpointID: failing.ID}
	for range 2 {
		if err := a.Announce(t.Context(), webhook, payload.Webhook{Type: payload.TypeWebhookDisabled}); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range w.taken {
		if one.Webhook.ID != webhook.ID || !slices.Equal(one.Endpoints, []uuid.UUID{subscribed.ID}) {
			t.Errorf("taken is %+v", one)
		}
	}
	if len(w.taken) != 2 || w.reads != 1 {
		t.Errorf("%d are taken, endpoints are read %d times", len(w.taken), w.reads)
	}
	w.endpoints, w.change = nil, 2
	if err := a.Announce(t.Context(), webhook); err != nil || len(w.taken) != 2 || w.reads != 2 {
		t.Errorf("once nobody is subscribed %d are taken, endpoints are read %d times: %v", len(w.taken), w.reads, err)
	}
}

func TestWhatCanNeverBeKeptIsRejected(t *testing.T) {
	t.Parallel()
	for fails, rejected := range map[error]bool{store.ErrUnstorable: true, store.ErrUnavailable: false} {
		w := &world{endpoints: []store.Endpoint{{ID: uuid.New(), Types: []string{"a"}}}, change: 1, fails: fails}
		err := New(w, w).Announce(t.Context(), payload.Webhook{Type: "a", At: time.Now()})
		if !errors.Is(err, fails) || errors.Is(err, bus.ErrRejected) != rejected {
			t.Errorf("%v: %v", fails, err)
		}
	}
}
