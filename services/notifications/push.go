package notifications

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/services/notifications/internal/push/vapid"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/store"
)

// push is the part of the service that tells users who have no stream.
type push struct {
	cfg        PushConfig
	subject    string // of VAPID; empty: there is no Web Push
	policy     guard.Policy
	keys       *vapid.Keys
	store      store.Devices
	now        func() time.Time // UTC, microseconds
	registered signal           // a device was registered here
}

func newPush(cfg Config, deps Deps) (*push, error) {
	policy, err := cfg.Push.policy()
	if err != nil {
		return nil, err
	}
	return &push{
		cfg: cfg.Push, subject: cfg.VAPID.Subject, policy: policy, keys: vapid.NewKeys(cfg.VAPID.given(), deps.Store), store: deps.Store, now: nowMicros,
		registered: make(signal, 1),
	}, nil
}

// signal says that something has happened. Of several times one is heard.
type signal chan struct{}

// Tell says it, and waits for nobody.
func (s signal) Tell() {
	select {
	case s <- struct{}{}:
	default:
	}
}

func (p *push) sendsWebPush() bool { return p.subject != "" }

func (p *push) routes(api fiber.Router, verifier *authn.Verifier) {
	api.Get("/api/devices", verifier.Require(), p.listDevices)
	api.Post("/api/devices", verifier.Require(), p.registerDevice)
	api.Get("/api/devices/vapid", verifier.Require(), p.showVAPID)
	api.Delete("/api/devices/:device_id", verifier.Require(), p.deleteDevice)
	api.Get("/api/notify/settings", verifier.Require(), p.showPushSettings)
	api.Put("/api/notify/settings", verifier.Require(), p.putPushSetting)
}
