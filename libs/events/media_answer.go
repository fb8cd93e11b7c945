package events

import (
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// MediaAnswer is what media answers about a medium that a message is to show.
type MediaAnswer struct {
	ID         uuid.UUID       `json:"id"`
	RoomID     uuid.UUID       `json:"roomId"`
	UploaderID uuid.UUID       `json:"uploaderId"`
	State      wire.MediaState `json:"state"`
	// URL is where members get it, an http or https URL of at most 250 characters.
	URL      string `json:"url"`
	FileName string `json:"fileName"`
	MIMEType string `json:"mimeType"`
	Size     int    `json:"size"`            // bytes
	Width    int    `json:"width,omitempty"` // pixels, of a picture as it is to be shown
	Height   int    `json:"height,omitempty"`
}
