package notifications

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/push/vapid"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	maxDevices  = 20   // of a user
	maxDeviceID = 100  // characters
	maxToken    = 1024 // characters; those of FCM have some 200, those of APNs 64
	authLength  = 16   // bytes, RFC 8291, section 3.2
)

// deviceBody is the body of POST /api/devices.
type deviceBody struct {
	DeviceID     string        `json:"deviceId"`
	Kind         string        `json:"kind"`
	Token        string        `json:"token"`
	Subscription *subscription `json:"subscription"`
}

// subscription is what a browser's PushSubscription has as JSON (Push API, section 8).
type subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// device is what a device is shown as to its user: tokens and keys are not.
type device struct {
	ID           string    `json:"deviceId"`
	Kind         string    `json:"kind"`
	RegisteredAt wire.Time `json:"registeredAt"`
}

func deviceOf(d store.Device) device {
	return device{ID: d.ID, Kind: d.Kind, RegisteredAt: wire.At(d.RegisteredAt)}
}

// parse gives the device that the request is about. The error is a problem.
func (p *push) parse(body deviceBody, user uuid.UUID) (store.Device, error) {
	d := store.Device{UserID: user, ID: body.DeviceID, Kind: body.Kind, RegisteredAt: p.now()}
	d.MadeAt = d.RegisteredAt
	if err := checkDeviceID(d.ID); err != nil {
		return store.Device{}, err
	}
	switch body.Kind {
	case store.WebPush:
		if !p.sendsWebPush() {
			return store.Device{}, pushOff("there is no Web Push in this installation: it has no ISM_NOTIFICATIONS_VAPID_SUBJECT")
		}
		return p.subscribed(d, body.Subscription)
	case store.FCM, store.APNs:
		if !p.cfg.handsOff() {
			return store.Device{}, pushOff("tokens are for a sender of the operator's, and this installation has none: neither ISM_NOTIFICATIONS_PUSH_TOPIC nor ISM_NOTIFICATIONS_PUSH_WEBHOOKS is set")
		}
		if len(body.Token) > maxToken || !visible(body.Token) {
			return store.Device{}, httpapi.InvalidRequest(fmt.Sprintf("token must have 1 to %d visible characters of ASCII", maxToken))
		}
		d.Target = body.Token
		return d, nil
	default:
		return store.Device{}, httpapi.InvalidRequest("kind must be WebPush, Fcm or Apns")
	}
}

func checkDeviceID(id string) error {
	if len(id) > maxDeviceID || !visible(id) {
		return httpapi.InvalidRequest(fmt.Sprintf("deviceId must have 1 to %d visible characters of ASCII", maxDeviceID))
	}
	return nil
}

// visible reports whether a text has visible characters of ASCII, and no others.
func visible(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return text != ""
}

// subscribed puts a subscription into a device of Web Push.
func (p *push) subscribed(d store.Device, s *subscription) (store.Device, error) {
	if s == nil {
		return store.Device{}, httpapi.InvalidRequest("subscription is missing")
	}
	if p.policy.CheckURL(s.Endpoint) != nil {
		return store.Device{}, httpapi.InvalidRequest("subscription.endpoint must be an https URL of at most 2,048 characters, on the public internet")
	}
	key, err := vapid.Decode(s.Keys.P256dh)
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(key)
	}
	if err != nil {
		return store.Device{}, httpapi.InvalidRequest("subscription.keys.p256dh must be a public key of P-256, base64url of 65 bytes")
	}
	secret, err := vapid.Decode(s.Keys.Auth)
	if err != nil || len(secret) != authLength {
		return store.Device{}, httpapi.InvalidRequest("subscription.keys.auth must be base64url of 16 bytes")
	}
	d.Target = s.Endpoint
	d.P256dh, d.Auth = base64.RawURLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(secret)
	return d, nil
}

// registerDevice handles POST /api/devices.
func (p *push) registerDevice(c *fiber.Ctx) error {
	var body deviceBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	d, err := p.parse(body, authn.Caller(c).UserID)
	if err != nil {
		return err
	}
	if err := p.store.PutDevice(c.UserContext(), d, maxDevices); err != nil {
		return problemOfPush(err)
	}
	p.registered.Tell()
	return c.JSON(deviceOf(d))
}

// listDevicesOf handles GET /api/devices, and, of a backend, GET /api/admin/users/{user_id}/devices.
func (p *push) listDevicesOf(c *fiber.Ctx, user uuid.UUID) error {
	kept, err := p.store.Devices(c.UserContext(), []uuid.UUID{user})
	if err != nil {
		return problemOfPush(err)
	}
	shown := make([]device, len(kept))
	for i, d := range kept {
		shown[i] = deviceOf(d)
	}
	return c.JSON(shown)
}

// deleteDeviceOf handles DELETE /api/devices/{device_id}, and, of a backend, DELETE /api/admin/users/{user_id}/devices/{device_id}. One that is not there is
// deleted already.
func (p *push) deleteDeviceOf(c *fiber.Ctx, user uuid.UUID) error {
	id, err := url.PathUnescape(c.Params("device_id"))
	if err != nil {
		return httpapi.InvalidRequest("the device's id is not encoded as a part of a path")
	}
	if err := checkDeviceID(id); err != nil {
		return err
	}
	if _, err := p.store.DeleteDevice(c.UserContext(), user, id, ""); err != nil {
		return problemOfPush(err)
	}
	return c.SendStatus(http.StatusNoContent)
}

// vapidKey is the answer of GET /api/devices/vapid.
type vapidKey struct {
	PublicKey string `json:"publicKey"` // a browser's applicationServerKey
}

// showVAPID handles GET /api/devices/vapid.
func (p *push) showVAPID(c *fiber.Ctx) error {
	if !p.sendsWebPush() {
		return httpapi.NewProblem(http.StatusNotFound, "push-off", "Push is off", "there is no Web Push in this installation: it has no ISM_NOTIFICATIONS_VAPID_SUBJECT")
	}
	keys, err := p.keys.Get(c.UserContext())
	if err != nil {
		return problemOfPush(err)
	}
	return c.JSON(vapidKey{keys.Public})
}

func pushOff(detail string) error {
	return httpapi.NewProblem(http.StatusUnprocessableEntity, "push-off", "Push is off", detail)
}

// problemOfPush gives the problem for an error of a request about devices and settings.
func problemOfPush(err error) error {
	switch {
	case errors.Is(err, store.ErrTooManySettings):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "too-many-settings", "Too many settings",
			fmt.Sprintf("you have settings of %d rooms; set one of them to default first", maxPushSettings-1))
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "devices and settings cannot be reached now; try again", err)
	default:
		return err
	}
}
