package wire

import "github.com/google/uuid"

// MediaState is how far a medium is.
type MediaState string

// The states.
const (
	MediaPending  MediaState = "pending"  // its bytes are awaited
	MediaUploaded MediaState = "uploaded" // its bytes are there, and are looked at
	MediaReady    MediaState = "ready"    // messages may use it
	MediaRejected MediaState = "rejected" // it is never used: its reason says why
	MediaDeleted  MediaState = "deleted"
)

// Known reports whether it is one of the states.
func (s MediaState) Known() bool {
	switch s {
	case MediaPending, MediaUploaded, MediaReady, MediaRejected, MediaDeleted:
		return true
	}
	return false
}

// MediaChanged is the server-sent event to who has uploaded a medium: it has another state. Of one that is deleted only ids, state and reason are said.
type MediaChanged struct {
	Type     string     `json:"type"` // "MediaChanged"
	ID       uuid.UUID  `json:"mediaId"`
	RoomID   uuid.UUID  `json:"roomId"`
	State    MediaState `json:"state"`
	Reason   string     `json:"reason,omitempty"` // a code: why it is rejected or deleted
	FileName string     `json:"fileName,omitempty"`
	MimeType string     `json:"mimeType,omitempty"`
	Size     int        `json:"size,omitempty"`   // bytes
	Width    int        `json:"width,omitempty"`  // pixels, of an image as it is shown
	Height   int        `json:"height,omitempty"` // pixels
	// Variants are the smaller ones that there are of an image, by their longer side.
	Variants  []string `json:"variants,omitempty"`
	CreatedAt Time     `json:"createdAt"` // when it got the state
}
