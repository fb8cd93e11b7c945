package handoff

import (
	"context"
	"fmt"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
)

// Announcer has webhooks delivered to those endpoints that are subscribed.
type Announcer interface {
	Announce(ctx context.Context, all ...payload.Webhook) error
}

// Webhooks hands off to endpoints that are subscribed to [payload.TypePushRequested].
type Webhooks struct{ announcer Announcer }

var _ taker.Outlet = (*Webhooks)(nil)

// ToWebhooks makes a hand-off by webhook.
func ToWebhooks(announcer Announcer) *Webhooks { return &Webhooks{announcer} }

// Tell implements [taker.Outlet].
func (w *Webhooks) Tell(ctx context.Context, told []taker.Told) error {
	var all []payload.Webhook
	for _, one := range told {
		for _, said := range divide(one) {
			webhook, err := payload.Push(one.Event.ID, one.Event.RoomID, one.Event.At, said)
			if err != nil {
				return fmt.Errorf("%w: %w", bus.ErrRejected, err)
			}
			all = append(all, webhook)
		}
	}
	if err := w.announcer.Announce(ctx, all...); err != nil {
		return fmt.Errorf("hand off to webhooks: %w", err)
	}
	return nil
}
