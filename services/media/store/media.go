package store

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// State is how far a medium is.
type State = wire.MediaState

// Purpose is what a medium is for.
type Purpose string

// The purposes.
const (
	PurposeMessage   Purpose = "message"
	PurposeRoomImage Purpose = "room-image"
)

// Media is a medium: a file that somebody uploads to a room.
//
//	pending → uploaded → ready
//	                   → rejected
//
// and from each of them to deleted, which is the last.
type Media struct {
	ID       uuid.UUID
	Room     uuid.UUID
	Uploader uuid.UUID
	Tenant   string
	Purpose  Purpose
	FileName string // empty once it is deleted
	MimeType string // as it was declared
	Type     string // what its bytes are; empty: not known yet
	Size     int64  // bytes
	SHA256   []byte // 32; nil: not known
	State    State
	Reason   string // a code: why it is rejected or deleted
	Width    int    // pixels, of an image as it is shown
	Height   int
	Variants []string // smaller ones of an image: "256", "1024"
	UploadID string   // of S3's multipart upload; empty: it comes in one request
	PartSize int64    // bytes, of a multipart upload

	CreatedAt time.Time // UTC, microseconds, as all times
	ChangedAt time.Time // when it got its state
	ExpiresAt time.Time // when it is deleted, where it is pending or rejected; zero: it is not
}

// Codes of why a medium is deleted. Those of rejections are their makers'.
const (
	ReasonExpired     = "expired"      // its upload was never completed, or it was rejected a while ago
	ReasonUnused      = "unused"       // the last message with it was deleted
	ReasonRoomEnded   = "room-ended"   //
	ReasonUserDeleted = "user-deleted" // who has uploaded it
	ReasonWithdrawn   = "withdrawn"    // by who has uploaded it
	ReasonReplaced    = "replaced"     // a room's image, by another one
)

// RejectedFor is how long a rejected medium stays known, so that its uploader sees why.
const RejectedFor = 24 * time.Hour

// counts reports whether it is part of usages.
func (m Media) counts() bool {
	return m.State == wire.MediaPending || m.State == wire.MediaUploaded || m.State == wire.MediaReady
}

// asksFor reports whether it is what a request that made it asks for, which may say no checksum.
func (m Media) asksFor(asked Media) bool {
	return m.Room == asked.Room && m.Uploader == asked.Uploader && m.Tenant == asked.Tenant && m.Purpose == asked.Purpose && m.Size == asked.Size &&
		m.MimeType == asked.MimeType && m.FileName == asked.FileName && (asked.SHA256 == nil || bytes.Equal(m.SHA256, asked.SHA256))
}

// changed is the event of its state.
func (m Media) changed() events.MediaChanged {
	event := events.MediaChanged{
		MediaID: m.ID, RoomID: m.Room, UploaderID: m.Uploader, Tenant: m.Tenant, Purpose: string(m.Purpose), State: m.State, Reason: m.Reason,
		ChangedAt: wire.At(m.ChangedAt),
	}
	if m.State != wire.MediaDeleted {
		event.FileName, event.MimeType, event.Size = m.FileName, m.MimeType, m.Size
		event.Width, event.Height, event.Variants = m.Width, m.Height, m.Variants
	}
	return event
}

// jobs gives what is to be done because it has got its state.
func (m Media) jobs() []Job {
	switch m.State {
	case wire.MediaUploaded:
		return []Job{{Kind: JobProcess, Medium: m.ID}}
	case wire.MediaRejected, wire.MediaDeleted:
		return []Job{{Kind: JobRemove, Medium: m.ID}}
	default:
		return nil
	}
}

// deleted is what is left of it when it is deleted: what the removal of its objects needs.
func (m Media) deleted(reason string, at time.Time) Media {
	return Media{
		ID: m.ID, Room: m.Room, Uploader: m.Uploader, Tenant: m.Tenant, Purpose: m.Purpose, Size: m.Size, Variants: m.Variants, UploadID: m.UploadID,
		PartSize: m.PartSize, State: wire.MediaDeleted, Reason: reason, CreatedAt: m.CreatedAt, ChangedAt: at,
	}
}

// Use is what is known of a message's use of a medium.
type Use struct {
	Message   uuid.UUID
	Medium    uuid.UUID       // uuid.Nil: of none
	Position  events.Position // of the record that says so
	Removed   bool            // the message is deleted, for good
	ExpiresAt time.Time       // when the message goes; zero: never
	ChangedAt time.Time
}

// Selection says which media are meant. What is zero does not count; Deleted ones never are.
type Selection struct {
	Room     uuid.UUID
	Uploader uuid.UUID
	Until    time.Time // created up to then
	Expired  time.Time // pending or rejected, and expired by then
}

// Erasure is that of a deleted user.
type Erasure struct {
	User   uuid.UUID
	ID     uuid.UUID // of the receipt
	At     time.Time // when the user was deleted
	Erased int64     // media, so far
	// Complete says that all of the user's media are deleted; what is left is to remove objects.
	Complete bool
}
