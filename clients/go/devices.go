package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// RegisterToken registers a token of FCM or APNs, kind "Fcm" or "Apns", as a device of the caller.
func (c *Client) RegisterToken(ctx context.Context, deviceID, kind, token string) error {
	body := struct {
		DeviceID string `json:"deviceId"`
		Kind     string `json:"kind"`
		Token    string `json:"token"`
	}{deviceID, kind, token}
	_, err := c.call(ctx, http.MethodPost, "/api/devices", body, nil)
	return err
}

// Subscription is a browser's for Web Push, as its PushSubscription has it; keys are base64url.
type Subscription struct {
	Endpoint     string // URL
	P256dh, Auth string
}

// Subscribe registers a browser as a device of the caller.
func (c *Client) Subscribe(ctx context.Context, deviceID string, browser Subscription) error {
	type subscription struct {
		Endpoint string            `json:"endpoint"`
		Keys     map[string]string `json:"keys"`
	}
	body := struct {
		DeviceID     string       `json:"deviceId"`
		Kind         string       `json:"kind"`
		Subscription subscription `json:"subscription"`
	}{deviceID, "WebPush", subscription{browser.Endpoint, map[string]string{"p256dh": browser.P256dh, "auth": browser.Auth}}}
	_, err := c.call(ctx, http.MethodPost, "/api/devices", body, nil)
	return err
}

// VAPIDKey gives the key with which browsers subscribe, their applicationServerKey, base64url.
func (c *Client) VAPIDKey(ctx context.Context) (string, error) {
	var answer struct {
		PublicKey string `json:"publicKey"`
	}
	_, err := c.call(ctx, http.MethodGet, "/api/devices/vapid", nil, &answer)
	return answer.PublicKey, err
}

// DeleteDevice deletes a device of the caller.
func (c *Client) DeleteDevice(ctx context.Context, deviceID string) error {
	_, err := c.call(ctx, http.MethodDelete, "/api/devices/"+url.PathEscape(deviceID), nil, nil)
	return err
}

// SetPush says what the caller is told by push of a room, or, with [uuid.Nil], of all: "all", "mentions" or "none", of a room also "default"; and until when
// nothing is: zero, it is not muted.
func (c *Client) SetPush(ctx context.Context, room uuid.UUID, level string, mutedUntil time.Time) error {
	body := struct {
		RoomID     *uuid.UUID `json:"roomId,omitempty"`
		Level      string     `json:"level"`
		MutedUntil *time.Time `json:"mutedUntil,omitempty"`
	}{Level: level}
	if room != uuid.Nil {
		body.RoomID = &room
	}
	if !mutedUntil.IsZero() {
		body.MutedUntil = &mutedUntil
	}
	_, err := c.call(ctx, http.MethodPut, "/api/notify/settings", body, nil)
	return err
}

// Device is where a user is told by push.
type Device struct {
	ID           string    `json:"deviceId"`
	Kind         string    `json:"kind"` // "WebPush", "Fcm" or "Apns"
	RegisteredAt wire.Time `json:"registeredAt"`
}

// DevicesOf gives a user's devices. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) DevicesOf(ctx context.Context, user uuid.UUID) ([]Device, error) {
	var devices []Device
	_, err := c.call(ctx, http.MethodGet, userPath(user)+"/devices", nil, &devices)
	return devices, err
}

// DeleteDeviceOf deletes a user's device, also one that is not there. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) DeleteDeviceOf(ctx context.Context, user uuid.UUID, deviceID string) error {
	_, err := c.call(ctx, http.MethodDelete, userPath(user)+"/devices/"+url.PathEscape(deviceID), nil, nil)
	return err
}
