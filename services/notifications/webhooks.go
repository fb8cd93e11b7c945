package notifications

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/sender"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/taker"
	"github.com/ism-chat/ism/services/notifications/store"
)

// GroupWebhooks is the consumer group that takes what endpoints are subscribed to.
const GroupWebhooks = "ism.notifications.webhooks"

// webhooks is the part of the service that tells backends what happens.
type webhooks struct {
	cfg        WebhooksConfig
	policy     guard.Policy
	store      store.Webhooks
	client     *guard.Client
	deliveries *delivery.Deliveries
	consumer   *bus.Consumer
	tel        *telemetry.Telemetry
	now        func() time.Time // UTC, microseconds
	made       signal           // an endpoint was made here
}

func newWebhooks(cfg WebhooksConfig, deps Deps) (*webhooks, error) {
	policy, err := cfg.policy()
	if err != nil {
		return nil, err
	}
	client := guard.New(policy, cfg.Timeout)
	limits := delivery.Limits{Attempt: cfg.Timeout, AtOnce: cfg.AtOnce, DisableAfter: cfg.DisableAfter, GiveUpAfter: cfg.Retention}
	deliveries := delivery.New(deps.Store, sender.New(client, policy, nowMicros, deps.Telemetry), limits, nowMicros, deps.Telemetry)
	consumer, err := deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group:    GroupWebhooks,
		Topics:   []string{events.TopicRooms, events.TopicUsers, events.TopicNotifications},
		Handler:  taker.New(deps.Store, deliveries, taker.Tracing{Records: deps.Bus.Tracing(GroupWebhooks), Propagator: deps.Telemetry.Propagator}, cfg.Retention, nowMicros).Take,
		MaxBatch: maxBatch,
	})
	if err != nil {
		return nil, fmt.Errorf("make the webhooks' consumer: %w", err)
	}
	return &webhooks{
		cfg: cfg, policy: policy, store: deps.Store, client: client, deliveries: deliveries, consumer: consumer, tel: deps.Telemetry, now: nowMicros, made: make(signal, 1),
	}, nil
}

const (
	// lookEvery is how often it is looked whether another process has made the first endpoint.
	lookEvery = 5 * time.Second
	// jobsAtOnce is how many jobs are done at once: each is a transaction.
	jobsAtOnce = 20
)

func (w *webhooks) parts() []lifecycle.Part {
	return []lifecycle.Part{{Name: "notifications webhooks", Run: w.run, Beside: true}}
}

// run reads the logs, sends, and sweeps. It begins when there is an endpoint: until then nobody pays for it. What happened before the endpoint was made is
// passed over.
func (w *webhooks) run(ctx context.Context) error {
	defer w.client.Close()
	if !w.awaitEndpoint(ctx) {
		return nil
	}
	running, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{w.deliveries.Send, w.runJobs, w.consumer.Run, w.deliveries.Run} {
		running.Go(func() error { return run(ctx) })
	}
	return running.Wait() //nolint:wrapcheck // they say what was being done
}

// runJobs has what comes due sent.
func (w *webhooks) runJobs(ctx context.Context) error {
	_ = retry.Policy{First: time.Second, Max: 30 * time.Second}.Do(ctx, func(ctx context.Context) error {
		return w.store.RunJobs(ctx, jobsAtOnce, w.tel.Log, w.deliveries.Do)
	}, func(err error, next time.Duration) {
		w.tel.Log.ErrorContext(ctx, "webhooks that are due cannot be sent; trying again", "error", err.Error(), "in", next)
	})
	return nil // it ends with ctx
}

// awaitEndpoint waits until there is an endpoint, and reports false where ctx is done before.
func (w *webhooks) awaitEndpoint(ctx context.Context) bool {
	ctx = telemetry.Untraced(ctx)
	for {
		if endpoints, changes, err := w.store.Subscribed(ctx); err == nil && (len(endpoints) > 0 || changes > 1) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-w.made:
			return true
		case <-time.After(lookEvery):
		}
	}
}

func (w *webhooks) routes(api fiber.Router, verifier *authn.Verifier) {
	const one, delivered = "/api/admin/webhooks/:webhook_id", "/api/admin/webhooks/:webhook_id/deliveries/:delivery_id"
	backend := func(handle fiber.Handler) []fiber.Handler {
		return []fiber.Handler{verifier.Require(), verifier.RequireBackend(), ofNoTenant, handle}
	}
	api.Get("/api/admin/webhooks", backend(w.list)...)
	api.Post("/api/admin/webhooks", backend(w.create)...)
	api.Get(one, backend(w.get)...)
	api.Patch(one, backend(w.update)...)
	api.Delete(one, backend(w.remove)...)
	api.Post(one+"/pause", backend(w.pause)...)
	api.Post(one+"/resume", backend(w.resume)...)
	api.Post(one+"/rotate-secret", backend(w.rotate)...)
	api.Post(one+"/test", backend(w.test)...)
	api.Post(one+"/replay", backend(w.replay)...)
	api.Get(one+"/deliveries", backend(w.listDeliveries)...)
	api.Get(delivered, backend(w.getDelivery)...)
	api.Post(delivered+"/replay", backend(w.replayOne)...)
}

// ofNoTenant refuses backends of a tenant: most events do not say of which tenant they are.
func ofNoTenant(c *fiber.Ctx) error {
	if authn.Caller(c).Tenant != "" {
		return httpapi.NewProblem(http.StatusForbidden, "tenant-backend", "Backend of a tenant",
			"your token is of a tenant, and in this version only a backend of no tenant can have webhooks")
	}
	return c.Next()
}

// Errors of what is asked for of an endpoint.
var (
	errTooMany   = errors.New("there are too many endpoints")
	errNotActive = errors.New("the endpoint is not active")
	errPending   = errors.New("the delivery is pending")
)

// problemOf gives the problem for an error of a request about webhooks.
func (w *webhooks) problemOf(err error) error {
	switch {
	case errors.Is(err, store.ErrNoEndpoint):
		return httpapi.NewProblem(http.StatusNotFound, "webhook-not-found", "Webhook not found", "there is no webhook of this id")
	case errors.Is(err, store.ErrNoDelivery):
		return httpapi.NewProblem(http.StatusNotFound, "delivery-not-found", "Delivery not found", "the webhook has no delivery of this id, or has it no longer")
	case errors.Is(err, errTooMany):
		return httpapi.NewProblem(http.StatusConflict, "too-many-webhooks", "Too many webhooks",
			fmt.Sprintf("there are %d webhooks, as many as there can be", w.cfg.MaxEndpoints))
	case errors.Is(err, errNotActive):
		return httpapi.NewProblem(http.StatusConflict, "webhook-not-active", "Webhook not active", "the webhook is paused or disabled: resume it first")
	case errors.Is(err, errPending):
		return httpapi.NewProblem(http.StatusConflict, "delivery-pending", "Delivery pending", "it is neither delivered nor given up: it is sent by itself")
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "webhooks cannot be reached now; try again", err)
	default:
		return err
	}
}
