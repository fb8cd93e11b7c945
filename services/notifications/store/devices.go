package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Kinds of a [Device].
const (
	WebPush = "WebPush" // a browser's subscription, RFC 8030
	FCM     = "Fcm"     // a registration token of Firebase Cloud Messaging
	APNs    = "Apns"    // a device token of the Apple Push Notification service
)

// Device is where a user wants to be told of what happens while no stream of the user is open.
type Device struct {
	UserID uuid.UUID
	ID     string // what the user's client calls it
	Kind   string
	// Target is the endpoint of a Web Push subscription, or a token. No two devices have the same one.
	Target string
	// P256dh and Auth are a Web Push subscription's keys, base64url without padding; else empty.
	P256dh, Auth string
	// MadeAt is since when it has this target, RegisteredAt when a client has said so last; UTC, microseconds.
	MadeAt, RegisteredAt time.Time
}

// Levels of a [PushSetting].
const (
	PushAll      = "all"      // every message
	PushMentions = "mentions" // messages that mention the user
	PushNone     = "none"
)

// PushSetting says what of a room, or of all rooms, a user is told by push.
type PushSetting struct {
	UserID uuid.UUID
	RoomID uuid.UUID // [uuid.Nil]: all rooms that have no level of their own
	Level  string    // empty: as for all rooms, which is [PushAll] where nothing is said
	// MutedUntil is until when nothing is told; zero: it is.
	MutedUntil time.Time
}

// VAPIDKeys are those with which push services know who sends (RFC 8292): a P-256 key pair, the public one uncompressed, base64url without padding.
type VAPIDKeys struct{ Public, Private string }

// ErrTooManySettings says that a user has settings of so many rooms that no other is kept.
var ErrTooManySettings = errors.New("the user has too many push settings")

// Devices keeps where and of what users are told by push.
type Devices interface {
	// PutDevice adds a device, or registers it again, at its RegisteredAt. Whoever had its target has it no longer. Of more than limit devices of the user
	// those go that were not registered for the longest time.
	PutDevice(ctx context.Context, device Device, limit int) error
	// Devices gives the devices of users, each user's in the order in which they were registered.
	Devices(ctx context.Context, users []uuid.UUID) ([]Device, error)
	// DeleteDevice deletes a device, and reports whether it was there. With a target, it is deleted only while it has that one.
	DeleteDevice(ctx context.Context, user uuid.UUID, id, target string) (deleted bool, err error)
	// HasDevices reports whether any user has a device of the kind.
	HasDevices(ctx context.Context, kind string) (bool, error)
	// PutPushSetting keeps a setting; one that says nothing is deleted. Errors: [ErrTooManySettings] where the user has limit of them.
	PutPushSetting(ctx context.Context, setting PushSetting, limit int) error
	// PushSettings gives the settings of users of these rooms, in no order; no rooms: of all.
	PushSettings(ctx context.Context, users, rooms []uuid.UUID) ([]PushSetting, error)
	// ErasePush deletes devices and settings of a deleted user, and reports how many there were.
	ErasePush(ctx context.Context, user uuid.UUID) (erased int, err error)
	// VAPIDKeys keeps these keys if there are none yet, and gives those that are kept.
	VAPIDKeys(ctx context.Context, fresh VAPIDKeys) (VAPIDKeys, error)
}
