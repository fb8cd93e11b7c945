package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// NewWebhook is what a backend says of a webhook that it makes. What is left out is as the API says.
type NewWebhook struct {
	URL         string      `json:"url"`
	Types       []string    `json:"types"`           // of events, for example "dev.ism.message.created"
	Rooms       []uuid.UUID `json:"rooms,omitempty"` // none: all
	Description string      `json:"description,omitempty"`
	Signature   string      `json:"signature,omitempty"` // "v1" or "v1a"
	Ordered     bool        `json:"ordered,omitempty"`
	Concurrency int         `json:"concurrency,omitempty"`
}

// Webhook is an endpoint of a backend, and how it is doing.
type Webhook struct {
	ID           uuid.UUID   `json:"id"`
	URL          string      `json:"url"`
	Description  string      `json:"description"`
	Types        []string    `json:"types"`
	Rooms        []uuid.UUID `json:"rooms"`
	Signature    string      `json:"signature"`
	Ordered      bool        `json:"ordered"`
	Concurrency  int         `json:"concurrency"`
	Status       string      `json:"status"` // "active", "paused" or "disabled"
	Reason       *string     `json:"reason"` // why it is disabled
	CreatedAt    wire.Time   `json:"createdAt"`
	UpdatedAt    wire.Time   `json:"updatedAt"`
	Failures     int         `json:"failures"`         // in a row
	FailingSince *wire.Time  `json:"failingSince"`     // nil: it is not failing
	PausedUntil  *wire.Time  `json:"pausedUntil"`      // as it is failing
	Secret       string      `json:"secret,omitempty"` // only of one that was just made
}

// WebhookDelivery is an event on its way to a webhook.
type WebhookDelivery struct {
	ID         uuid.UUID  `json:"id"`
	EventID    uuid.UUID  `json:"eventId"`
	Type       string     `json:"type"`
	RoomID     *uuid.UUID `json:"roomId"`
	HappenedAt wire.Time  `json:"happenedAt"`
	State      string     `json:"state"` // "pending", "delivered" or "given-up"
	Attempts   int        `json:"attempts"`
	NextAt     *wire.Time `json:"nextAt"`
	Status     *int       `json:"status"` // of the last answer
	Error      *string    `json:"error"`  // why there was none
}

// WebhookAttempt is one time that a delivery was sent.
type WebhookAttempt struct {
	Number int       `json:"number"`
	At     wire.Time `json:"at"`
	Took   int64     `json:"tookMs"`
	Status *int      `json:"status"`
	Error  *string   `json:"error"`
	Body   string    `json:"body"` // the beginning of the answer's
}

// WebhookDeliveryDetails is a delivery with its attempts, the oldest first.
type WebhookDeliveryDetails struct {
	WebhookDelivery
	Log []WebhookAttempt `json:"log"`
}

// RotatedSecret is a webhook's new secret, and until when the former one signs, too.
type RotatedSecret struct {
	Secret      string    `json:"secret"`
	FormerUntil wire.Time `json:"formerUntil"`
}

// WebhookReplay says which deliveries of a webhook are sent again.
type WebhookReplay struct {
	Since wire.Time  `json:"since"`           // of when they happened
	Until *wire.Time `json:"until,omitempty"` // before; nil: now
	State string     `json:"state,omitempty"` // "given-up" or "delivered"; empty: given-up
}

// WebhookReplayed says how many are sent again, and the Since of the next request; nil: all of them are.
type WebhookReplayed struct {
	Replayed int        `json:"replayed"`
	Next     *wire.Time `json:"next"`
}

// Webhooks gives a page of all webhooks, and the cursor of the next one; empty: there is none. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) Webhooks(ctx context.Context, cursor string) (page []Webhook, next string, err error) {
	path := "/api/admin/webhooks"
	if cursor != "" {
		path += "?" + url.Values{"cursor": {cursor}}.Encode()
	}
	var answer struct {
		NextCursor string    `json:"nextCursor"`
		Content    []Webhook `json:"content"`
	}
	_, err = c.call(ctx, http.MethodGet, path, nil, &answer)
	return answer.Content, answer.NextCursor, err
}

// CreateWebhook makes a webhook, and gives it with its secret, which is told once. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) CreateWebhook(ctx context.Context, webhook NewWebhook) (Webhook, error) {
	var made Webhook
	_, err := c.call(ctx, http.MethodPost, "/api/admin/webhooks", webhook, &made)
	return made, err
}

// Webhook gives a webhook. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) Webhook(ctx context.Context, id uuid.UUID) (Webhook, error) {
	var kept Webhook
	_, err := c.call(ctx, http.MethodGet, webhookPath(id), nil, &kept)
	return kept, err
}

// DeleteWebhook deletes a webhook, with its deliveries. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) DeleteWebhook(ctx context.Context, id uuid.UUID) error {
	_, err := c.call(ctx, http.MethodDelete, webhookPath(id), nil, nil)
	return err
}

// PauseWebhook has what happens wait. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) PauseWebhook(ctx context.Context, id uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, webhookPath(id)+"/pause", nil, nil)
	return err
}

// ResumeWebhook sends what waits, and what happens from then on. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) ResumeWebhook(ctx context.Context, id uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, webhookPath(id)+"/resume", nil, nil)
	return err
}

// TestWebhook sends a webhook of type dev.ism.webhook.tested. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) TestWebhook(ctx context.Context, id uuid.UUID) (WebhookDelivery, error) {
	var sent WebhookDelivery
	_, err := c.call(ctx, http.MethodPost, webhookPath(id)+"/test", nil, &sent)
	return sent, err
}

// WebhookDeliveries gives a page of what was and is to be sent, the newest first, and the cursor of the next one; empty: there is none. State may be
// empty: whichever. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) WebhookDeliveries(ctx context.Context, id uuid.UUID, state, cursor string) (page []WebhookDelivery, next string, err error) {
	query := url.Values{}
	if state != "" {
		query.Set("state", state)
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	var answer struct {
		NextCursor string            `json:"nextCursor"`
		Content    []WebhookDelivery `json:"content"`
	}
	_, err = c.call(ctx, http.MethodGet, webhookPath(id)+"/deliveries?"+query.Encode(), nil, &answer)
	return answer.Content, answer.NextCursor, err
}

// WebhookDelivery gives a delivery with its attempts. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) WebhookDelivery(ctx context.Context, webhook, delivery uuid.UUID) (WebhookDeliveryDetails, error) {
	var kept WebhookDeliveryDetails
	_, err := c.call(ctx, http.MethodGet, webhookPath(webhook)+"/deliveries/"+delivery.String(), nil, &kept)
	return kept, err
}

// RotateWebhookSecret gives a webhook another secret; the former one signs, too, until the overlap, in whole seconds, is over. The caller is a backend, as of
// [Client.DisconnectUser].
func (c *Client) RotateWebhookSecret(ctx context.Context, id uuid.UUID, overlap time.Duration) (RotatedSecret, error) {
	var rotated RotatedSecret
	body := map[string]int64{"overlapSeconds": int64(overlap / time.Second)}
	_, err := c.call(ctx, http.MethodPost, webhookPath(id)+"/rotate-secret", body, &rotated)
	return rotated, err
}

// ReplayWebhook sends deliveries of a range of time again, a thousand at most. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) ReplayWebhook(ctx context.Context, id uuid.UUID, replay WebhookReplay) (WebhookReplayed, error) {
	var replayed WebhookReplayed
	_, err := c.call(ctx, http.MethodPost, webhookPath(id)+"/replay", replay, &replayed)
	return replayed, err
}

// ReplayWebhookDelivery sends a delivery again. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) ReplayWebhookDelivery(ctx context.Context, webhook, delivery uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, webhookPath(webhook)+"/deliveries/"+delivery.String()+"/replay", nil, nil)
	return err
}

func webhookPath(id uuid.UUID) string { return "/api/admin/webhooks/" + id.String() }
