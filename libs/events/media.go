package events

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// MediaChanged says that a medium has another state. Those of an uploader are in the order in which they happened. Of a medium that is deleted only ids,
// state and reason are said: nothing of its content is told again.
type MediaChanged struct {
	MediaID    uuid.UUID       `json:"mediaId"`
	RoomID     uuid.UUID       `json:"roomId"`
	UploaderID uuid.UUID       `json:"uploaderId"`
	Tenant     string          `json:"tenant,omitempty"` // of both
	Purpose    string          `json:"purpose"`          // "message", or "room-image"
	State      wire.MediaState `json:"state"`
	Reason     string          `json:"reason,omitempty"` // a code: why it is rejected or deleted
	FileName   string          `json:"fileName,omitempty"`
	MimeType   string          `json:"mimeType,omitempty"`
	Size       int64           `json:"size,omitempty"`   // bytes
	Width      int             `json:"width,omitempty"`  // pixels, of an image
	Height     int             `json:"height,omitempty"` // pixels
	Variants   []string        `json:"variants,omitempty"`
	ChangedAt  wire.Time       `json:"changedAt"`
}

func (MediaChanged) EventName() string      { return "media.changed" }
func (MediaChanged) Topic() string          { return TopicMedia }
func (e MediaChanged) PartitionKey() string { return e.UploaderID.String() }
func (e MediaChanged) ForUser() uuid.UUID   { return e.UploaderID }

func (e MediaChanged) validate() error {
	switch {
	case e.MediaID == uuid.Nil:
		return errors.New("mediaId is missing")
	case e.RoomID == uuid.Nil:
		return errors.New("roomId is missing")
	case e.UploaderID == uuid.Nil:
		return errors.New("uploaderId is missing")
	case e.Purpose == "":
		return errors.New("purpose is missing")
	case !e.State.Known():
		return fmt.Errorf("state %q is unknown", e.State)
	case e.Size < 0 || e.Width < 0 || e.Height < 0:
		return errors.New("size, width or height is below 0")
	case e.ChangedAt.IsZero():
		return errors.New("changedAt is missing")
	}
	return nil
}

// shown is what the uploader's clients see.
func (e MediaChanged) shown() wire.MediaChanged {
	return wire.MediaChanged{
		Type: "MediaChanged", ID: e.MediaID, RoomID: e.RoomID, State: e.State, Reason: e.Reason, FileName: e.FileName, MimeType: e.MimeType,
		Size: int(e.Size), Width: e.Width, Height: e.Height, Variants: e.Variants, CreatedAt: e.ChangedAt,
	}
}
