package notifications_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/notifications/store"
)

// BenchmarkWebhooks has messages happen and counts what arrives at receivers of webhooks, on either store: what has waited for a paused endpoint, as many at once
// as there are, and fifty a second, with all endpoints well and with one of ten that never answers.
func BenchmarkWebhooks(b *testing.B) {
	for name, open := range backends() {
		b.Run(name+"/backlog", func(b *testing.B) { benchBurst(b, open, true) })
		b.Run(name+"/burst", func(b *testing.B) { benchBurst(b, open, false) })
		for _, dead := range []int{0, 1} {
			b.Run(fmt.Sprintf("%s/paced, %d of 10 dead", name, dead), func(b *testing.B) {
				w := newWorldOn(b, open, func(cfg *notifications.Config) { cfg.Webhooks.AtOnce, cfg.Webhooks.MaxEndpoints = 500, 20 })
				well := newReceiver(b, ok)
				never := newReceiver(b, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				for i := range 10 {
					url := well.URL
					if i < dead {
						url = never.URL
					}
					w.newHook(fmt.Sprintf(`{"url":%q,"types":["dev.ism.message.created"]}`, url))
				}
				for b.Loop() {
					before := len(well.all())
					const seconds, rate = 10, 50
					stop := w.appender(b)
					tick := time.NewTicker(time.Second / rate)
					for range seconds * rate {
						<-tick.C
						w.appendWith(stop.appender, messages(1)[0])
					}
					tick.Stop()
					stop.end()
					reportLatency(b, well.await(b, before+(10-dead)*seconds*rate)[before:])
				}
			})
		}
	}
}

// benchBurst counts from the first message on, or, with a backlog, from when the endpoint is resumed for which they all wait.
func benchBurst(b *testing.B, open func(testing.TB, *telemetry.Telemetry) store.Store, backlog bool) {
	b.Helper()
	w := newWorldOn(b, open, func(cfg *notifications.Config) { cfg.Webhooks.AtOnce, cfg.Webhooks.MaxEndpoints = 500, 20 })
	at := newReceiver(b, ok)
	one := webhooksPath + "/" + w.newHook(fmt.Sprintf(`{"url":%q,"types":["dev.ism.message.created"],"concurrency":20}`, at.URL)).ID.String()
	w.happen(messageIn(uuid.New(), "warm"))
	at.await(b, 1)
	const n = 3000
	total, took := 0, time.Duration(0)
	for b.Loop() {
		before, begun := at.count(), time.Now()
		if backlog {
			w.asBackend(http.MethodPost, one+"/pause", "", http.StatusOK, nil)
		}
		w.appendAtOnce(messages(n))
		if backlog {
			servicetest.Await(b, "all wait", func() bool { return w.waiting() >= n })
			w.asBackend(http.MethodPost, one+"/resume", "", http.StatusOK, nil)
			begun = time.Now()
		}
		servicetest.Await(b, "all have come", func() bool { return at.count() >= before+n })
		total, took = total+n, took+time.Since(begun)
	}
	b.ReportMetric(float64(total)/took.Seconds(), "deliveries/s")
}

// waiting is how many deliveries wait.
func (w *world) waiting() int {
	w.tb.Helper()
	pending, err := w.store.PendingDeliveries(w.tb.Context(), 1_000_000)
	if err != nil {
		w.tb.Fatal(err)
	}
	return pending[store.Waiting]
}

func messages(n int) (all []events.Event) {
	room := uuid.New()
	for i := range n {
		all = append(all, events.New("/ism/messages", time.Now(), messageIn(room, fmt.Sprint(i))))
	}
	return all
}

// running is an appender, until its end.
type running struct {
	appender *bus.Appender
	end      func()
}

func (w *world) appender(tb testing.TB) running {
	tb.Helper()
	appender, err := w.kafka.NewAppender(bus.AppenderConfig{Topics: []string{events.TopicRooms}, Timeout: 5 * time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	end := servicetest.Run(tb, "appender", appender.Run)
	servicetest.AwaitSuccess(tb, "the appender", func() error { return appender.Ready(tb.Context()) })
	return running{appender, end}
}

func (w *world) appendWith(to *bus.Appender, event events.Event) {
	w.tb.Helper()
	headers, value, err := events.Encode(event)
	if err == nil {
		_, err = to.Append(context.WithoutCancel(w.tb.Context()), bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Headers: headers, Value: value})
	}
	if err != nil {
		w.tb.Error(err)
	}
}

func (w *world) appendAtOnce(all []events.Event) {
	w.tb.Helper()
	to := w.appender(w.tb)
	defer to.end()
	var group errgroup.Group
	group.SetLimit(100)
	for _, event := range all {
		group.Go(func() error { w.appendWith(to.appender, event); return nil })
	}
	_ = group.Wait() // failures are the test's
}

// reportLatency says how long after it happened a webhook was there.
func reportLatency(b *testing.B, all []received) {
	b.Helper()
	var took []time.Duration
	for _, one := range all {
		var event struct{ Time time.Time }
		if err := json.Unmarshal(one.body, &event); err != nil {
			b.Fatal(err)
		}
		took = append(took, one.at.Sub(event.Time))
	}
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(float64(took[int(float64(len(took)-1)*share)].Microseconds())/1000, name)
	}
}
