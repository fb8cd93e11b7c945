package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/store"
)

var begin = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is an installation's endpoints, and what is announced.
type world struct {
	all    []store.Endpoint
	oldest time.Time
	told   []payload.Webhook
	fails  error
	now    time.Time
	tel    *telemetry.Telemetry
	health *Health
}

func newWorld(disableAfter time.Duration, all ...store.Endpoint) *world {
	w := &world{all: all, now: begin, tel: telemetry.Discard(nil)}
	w.health = New(w, w, disableAfter, func() time.Time { return w.now }, w.tel)
	return w
}

func (w *world) Endpoints(_ context.Context, after uuid.UUID, limit int) ([]store.Endpoint, error) {
	at := slices.IndexFunc(w.all, func(e store.Endpoint) bool { return e.ID == after }) + 1
	return w.all[at:min(at+limit, len(w.all))], nil
}

func (w *world) OldestWaiting(context.Context) (time.Time, error) { return w.oldest, nil }

func (w *world) Announce(_ context.Context, all ...payload.Webhook) error {
	if w.fails != nil {
		return w.fails
	}
	w.told = append(w.told, all...)
	return nil
}

// after looks when so much time has passed since the beginning, and gives what is told.
func (w *world) after(t *testing.T, passed time.Duration) (types []string) {
	t.Helper()
	w.now, w.told = begin.Add(passed), nil
	if err := w.health.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, webhook := range w.told {
		types = append(types, strings.TrimPrefix(string(webhook.Type), "dev.ism.webhook."))
	}
	return types
}

// metric is the value of a gauge.
func (w *world) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := w.tel.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %q", name, label)
	return 0
}

func TestSomebodyIsToldBeforeAnEndpointIsDisabled(t *testing.T) {
	t.Parallel()
	failing := store.Endpoint{ID: uuid.New(), Description: "the shop's", Status: store.EndpointActive, Failures: 9, FailingSince: begin, UpdatedAt: begin}
	w := newWorld(120*time.Hour, failing, store.Endpoint{ID: uuid.New(), Status: store.EndpointActive})
	ids := map[uuid.UUID]bool{}
	for _, step := range []struct {
		at   time.Duration
		told string
	}{{time.Hour, ""}, {24*time.Hour - 1, ""}, {24 * time.Hour, "failing"}, {25 * time.Hour, ""}, {95 * time.Hour, ""}, {96 * time.Hour, "failing"}, {97 * time.Hour, ""}} {
		if got := strings.Join(w.after(t, step.at), " "); got != step.told {
			t.Errorf("after %s %q is told, want %q", step.at, got, step.told)
		}
		for _, webhook := range w.told {
			ids[webhook.ID] = true
			var event struct {
				Data struct {
					DisabledAt  time.Time
					Description string
				}
			}
			if err := json.Unmarshal(webhook.Body, &event); err != nil || !event.Data.DisabledAt.Equal(begin.Add(120*time.Hour)) || event.Data.Description != "the shop's" {
				t.Errorf("told is %s, %v", webhook.Body, err)
			}
			if webhook.EndpointID != failing.ID {
				t.Errorf("it is about %s", webhook.EndpointID)
			}
		}
	}
	w.all[0].Status, w.all[0].Reason, w.all[0].UpdatedAt = store.EndpointDisabled, "failing", begin.Add(120*time.Hour)
	for _, step := range []struct {
		at   time.Duration
		told string
	}{{120 * time.Hour, "disabled"}, {121 * time.Hour, ""}, {144 * time.Hour, ""}} {
		if got := strings.Join(w.after(t, step.at), " "); got != step.told {
			t.Errorf("after %s %q is told, want %q", step.at, got, step.told)
		}
		for _, webhook := range w.told {
			ids[webhook.ID] = true
		}
	}
	if len(ids) != 3 {
		t.Errorf("told are %d webhooks", len(ids))
	}
	w.health.told = map[uuid.UUID]bool{}
	if w.after(t, 200*time.Hour); len(w.told) != 0 {
		t.Errorf("a process that has begun tells %v of what is long over", w.told)
	}
}

func TestAnotherProcessTellsTheSame(t *testing.T) {
	t.Parallel()
	failing := store.Endpoint{ID: uuid.New(), Status: store.EndpointActive, Failures: 9, FailingSince: begin}
	one, another := newWorld(120*time.Hour, failing), newWorld(120*time.Hour, failing)
	one.after(t, 30*time.Hour)
	another.after(t, 31*time.Hour)
	if len(one.told) != 1 || len(another.told) != 1 || one.told[0].ID != another.told[0].ID {
		t.Errorf("one tells %+v, another %+v", one.told, another.told)
	}
}

func TestAnEndpointThatIsDisabledSoonIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(2*time.Hour, store.Endpoint{ID: uuid.New(), Status: store.EndpointActive, Failures: 9, FailingSince: begin})
	if got := fmt.Sprint(w.after(t, 59*time.Minute), w.after(t, time.Hour), w.after(t, 119*time.Minute)); got != "[] [failing] []" {
		t.Errorf("told is %s", got)
	}
}

func TestWhatWasNotAnnouncedIsAnnouncedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(120*time.Hour, store.Endpoint{ID: uuid.New(), Status: store.EndpointActive, Failures: 9, FailingSince: begin})
	w.now, w.fails = begin.Add(25*time.Hour), errors.New("the store is down")
	if err := w.health.Look(t.Context()); !errors.Is(err, w.fails) {
		t.Errorf("looking gives %v", err)
	}
	w.fails = nil
	if got := w.after(t, 26*time.Hour); len(got) != 1 {
		t.Errorf("told is %v", got)
	}
}

func TestMetricsSayHowEndpointsAre(t *testing.T) {
	t.Parallel()
	w := newWorld(120 * time.Hour)
	for _, health := range []string{"ok", "failing", "down", "paused", "disabled"} {
		if got := w.metric(t, "ism_webhooks_endpoints", health); got != 0 {
			t.Errorf("before anything %v are %s", got, health)
		}
	}
	for range 150 {
		w.all = append(w.all, store.Endpoint{ID: uuid.New(), Status: store.EndpointActive})
	}
	w.all[0].Failures, w.all[1].Failures = 4, 5
	w.all[2].Status, w.all[149].Status = store.EndpointPaused, store.EndpointDisabled
	w.oldest = begin.Add(-90 * time.Second)
	w.after(t, 0)
	for health, want := range map[string]float64{"ok": 146, "failing": 1, "down": 1, "paused": 1, "disabled": 1} {
		if got := w.metric(t, "ism_webhooks_endpoints", health); got != want {
			t.Errorf("%v are %s, want %v", got, health, want)
		}
	}
	if got := w.metric(t, "ism_webhooks_oldest_waiting_seconds", ""); got != 90 {
		t.Errorf("the oldest waits for %v s", got)
	}
	w.oldest = time.Time{}
	if w.after(t, 0); w.metric(t, "ism_webhooks_oldest_waiting_seconds", "") != 0 {
		t.Error("the oldest waits, and none does")
	}
}
