package notifications

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/push/handoff"
	"github.com/ism-chat/ism/services/notifications/internal/push/presence"
	"github.com/ism-chat/ism/services/notifications/internal/push/reads"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
	"github.com/ism-chat/ism/services/notifications/internal/push/vapid"
	"github.com/ism-chat/ism/services/notifications/internal/push/webpush"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/store"
)

// GroupPush is the consumer group that takes of what users without a stream are told.
const GroupPush = "ism.notifications.push"

const (
	pushBatch = 100 // records that are taken at once; each has at most a hundred users
	// pushLook is how often it is looked whether another process has registered the first device.
	pushLook = 5 * time.Second
)

// push is the part of the service that tells users who have no stream.
type push struct {
	cfg        PushConfig
	subject    string // of VAPID; empty: there is no Web Push
	policy     guard.Policy
	keys       *vapid.Keys
	webhooks   handoff.Announcer
	store      store.Devices
	rooms      Rooms
	bus        *bus.Bus
	tel        *telemetry.Telemetry
	now        func() time.Time // UTC, microseconds
	registered signal           // a device was registered here
}

func newPush(cfg Config, deps Deps, webhooks handoff.Announcer) (*push, error) {
	policy, err := cfg.Push.policy()
	if err != nil {
		return nil, err
	}
	taker.AtRest(deps.Telemetry)
	webpush.AtRest(deps.Telemetry)
	return &push{
		cfg: cfg.Push, subject: cfg.VAPID.Subject, policy: policy, keys: vapid.NewKeys(cfg.VAPID.given(), deps.Store), store: deps.Store, rooms: deps.Rooms, now: nowMicros,
		bus: deps.Bus, tel: deps.Telemetry, webhooks: webhooks,
		registered: make(signal, 1),
	}, nil
}

func (p *push) sendsWebPush() bool { return p.subject != "" }

func (p *push) routes(api fiber.Router, verifier *authn.Verifier) {
	api.Get("/api/devices", verifier.Require(), ofCaller(p.listDevicesOf))
	api.Post("/api/devices", verifier.Require(), p.registerDevice)
	api.Get("/api/devices/vapid", verifier.Require(), p.showVAPID)
	api.Delete("/api/devices/:device_id", verifier.Require(), ofCaller(p.deleteDeviceOf))
	api.Get("/api/notify/settings", verifier.Require(), p.showPushSettings)
	api.Put("/api/notify/settings", verifier.Require(), p.putPushSetting)
}

func (p *push) parts() []lifecycle.Part {
	if !p.cfg.handsOff() && !p.sendsWebPush() {
		return nil
	}
	return []lifecycle.Part{{Name: "notifications push", Run: p.run, Beside: true}}
}

// run tells users. It begins when there is somebody who can be told: until then nothing is read.
func (p *push) run(ctx context.Context) error {
	if !p.cfg.handsOff() {
		if !p.awaitDevice(ctx) {
			return nil
		}
		return p.tell(ctx)
	}
	toWebhooks := handoff.ToWebhooks(p.webhooks)
	if p.cfg.Topic == "" {
		return p.tell(ctx, toWebhooks)
	}
	return p.bus.WithProducer(ctx, bus.ProducerConfig{}, func(ctx context.Context, log *bus.Producer) error {
		return p.tell(ctx, toWebhooks, handoff.New(p.cfg.Topic, log)) // the topic last: it is told twice where something behind it fails
	})
}

// pushTimeout is how long a push service may take.
const pushTimeout = 10 * time.Second

// webPush makes what sends to browsers. Close its client.
func (p *push) webPush() (*webpush.Sender, *guard.Client) {
	client := guard.New(p.policy, pushTimeout)
	return webpush.New(webpush.Config{
		Subject: p.subject, TTL: p.cfg.TTL, Preview: webpush.Preview(p.cfg.Preview), Client: client, Keys: p.keys, Store: p.store, Unread: p.rooms, Tel: p.tel,
	}), client
}

// awaitDevice waits until there is a device that is told from here, and reports false where ctx is done before.
func (p *push) awaitDevice(ctx context.Context) bool {
	ctx = telemetry.Untraced(ctx)
	for {
		if has, err := p.store.HasDevices(ctx, store.WebPush); err == nil && has {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-p.registered:
		case <-time.After(pushLook):
		}
	}
}

// tell reads who is online and what was read, and tells everybody else on the outlets.
func (p *push) tell(ctx context.Context, outlets ...taker.Outlet) error {
	var parts []func(context.Context) error
	if p.sendsWebPush() {
		sender, client := p.webPush()
		defer client.Close()
		outlets, parts = append(outlets, sender), append(parts, sender.Run)
	}
	who, marks, known := presence.New(time.Now), reads.New(time.Now), newKnown(2)
	online, err := p.bus.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicOnline}, Since: time.Unix(1, 0), Handler: who.Take, MaxBatch: maxBatch,
		CaughtUp: func() { who.CaughtUp(); known.done() },
	})
	if err != nil {
		return fmt.Errorf("make the reader of who is online: %w", err)
	}
	read, err := p.bus.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicRooms}, Since: time.Now().Add(-reads.Kept), Handler: marks.Take, MaxBatch: maxBatch, FetchWait: fetchWait, CaughtUp: known.done,
	})
	if err != nil {
		return fmt.Errorf("make the reader of what was read: %w", err)
	}
	taking := taker.New(taker.Config{
		Grace: p.cfg.Grace, Store: p.store, Who: who, Marks: marks, Known: known.all, Outlets: outlets, Now: time.Now, Tel: p.tel,
	})
	consumer, err := p.bus.NewConsumer(bus.ConsumerConfig{
		Group: GroupPush, Topics: []string{events.TopicRooms, events.TopicUsers}, Handler: taking.Take, MaxBatch: pushBatch, FetchWait: fetchWait,
	})
	if err != nil {
		return fmt.Errorf("make the consumer of push: %w", err)
	}
	running, ctx := errgroup.WithContext(ctx)
	for _, run := range append(parts, online.Run, read.Run, taking.Run, consumer.Run) {
		running.Go(func() error { return run(ctx) })
	}
	return running.Wait() //nolint:wrapcheck // they say what was being done
}

// known says when all of several readers have read what there is.
type known struct {
	all     chan struct{}
	mu      sync.Mutex
	missing int
}

func newKnown(readers int) *known { return &known{all: make(chan struct{}), missing: readers} }

// done says that one of them has.
func (k *known) done() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.missing--; k.missing == 0 {
		close(k.all)
	}
}
