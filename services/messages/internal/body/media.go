package body

import (
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// Media is a picture, a sound, a film or a file: elsewhere, at its URL, or kept by the media service, which its ID names. All else of the latter follows
// with [Media.Showing].
type Media struct{ wire.MediaBody }

func (Media) Type() wire.MessageType { return wire.Media }

func (m Media) Preview(sender string) wire.Preview {
	return wire.MediaPreview(sender, m.MediaBody.Type)
}

// Showing gives the body with the medium that it names.
func (m Media) Showing(medium events.MediaAnswer) Media {
	m.URL, m.MIMEType, m.FileName, m.Size, m.Width, m.Height = medium.URL, medium.MIMEType, medium.FileName, medium.Size, medium.Width, medium.Height
	if m.MediaBody.Type == "" {
		m.MediaBody.Type = mediaTypeOf(medium.MIMEType)
	}
	return m
}

// mediaTypeOf is what clients take a MIME type for, where its sender does not say.
func mediaTypeOf(mimeType string) string {
	kind, _, _ := strings.Cut(mimeType, "/")
	if slices.Contains([]string{"image", "video", "audio"}, kind) {
		return kind
	}
	return "file"
}

// says reports whether a body is this one, as its sender gave it.
func (m Media) says(sent wire.MediaBody) bool {
	if m.ID == uuid.Nil {
		return sent == m.MediaBody
	}
	return sent.ID == m.ID && sent.Alternative == m.Alternative && (m.MediaBody.Type == "" || sent.Type == m.MediaBody.Type)
}

// sentMedia is a Media body as it is sent.
type sentMedia struct {
	ID          *string `json:"mediaId"`
	URL         *string `json:"mediaUrl"`
	Type        *string `json:"mediaType"`
	MIMEType    *string `json:"mimeType"`
	Alternative *string `json:"altText"`
}

func decodeMedia(raw json.RawMessage) (Body, error) {
	var sent sentMedia
	if err := httpapi.DecodeField(field, raw, &sent); err != nil {
		return nil, err
	}
	if sent.ID != nil {
		return sent.kept()
	}
	return sent.elsewhere()
}

// kept reads a body that names a medium.
func (m sentMedia) kept() (media Media, err error) {
	id, ok := httpapi.ParseUUID(*m.ID)
	switch {
	case !ok || id == uuid.Nil:
		return media, httpapi.InvalidRequest("msgBody.mediaId must be a UUID")
	case m.URL != nil || m.MIMEType != nil:
		return media, httpapi.InvalidRequest("msgBody has a mediaId: mediaUrl and mimeType follow from it, and cannot be given")
	}
	media.ID = id
	if m.Type != nil {
		if media.MediaBody.Type, err = required("mediaType", m.Type, maxMediaType); err != nil {
			return media, err
		}
	}
	media.Alternative, err = optional("altText", m.Alternative, maxAlternative)
	return media, err
}

// elsewhere reads a body that has the address of its medium.
func (m sentMedia) elsewhere() (media Media, err error) {
	if media.URL, err = required("mediaUrl", m.URL, maxURL); err != nil {
		return media, err
	}
	if at, err := url.Parse(media.URL); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return media, httpapi.InvalidRequest("msgBody.mediaUrl must be an http or https URL with a host")
	}
	if media.MediaBody.Type, err = required("mediaType", m.Type, maxMediaType); err != nil {
		return media, err
	}
	if media.MIMEType, err = optional("mimeType", m.MIMEType, maxMIMEType); err != nil {
		return media, err
	}
	if media.MIMEType != "" {
		if _, _, err := mime.ParseMediaType(media.MIMEType); err != nil {
			return media, httpapi.InvalidRequest("msgBody.mimeType must be a media type, for example image/png")
		}
	}
	media.Alternative, err = optional("altText", m.Alternative, maxAlternative)
	return media, err
}

// editMedia reads the body that a message is to have from now on. What names a medium goes on showing it, and what does not cannot begin to.
func editMedia(message wire.Message, raw json.RawMessage) (Body, error) {
	has, err := stored[Media](message)
	if err != nil {
		return nil, err
	}
	shown := has.(Media)
	var sent sentMedia
	if err := httpapi.DecodeField(field, raw, &sent); err != nil {
		return nil, err
	}
	if shown.ID == uuid.Nil {
		if sent.ID != nil {
			return nil, httpapi.InvalidRequest("msgBody.mediaId cannot be given to a message that was sent without one")
		}
		return sent.elsewhere()
	}
	if sent.ID == nil {
		id := shown.ID.String()
		sent.ID = &id
	}
	edited, err := sent.kept()
	if err != nil {
		return nil, err
	}
	if edited.ID != shown.ID {
		return nil, httpapi.InvalidRequest("msgBody.mediaId cannot be changed")
	}
	if edited.MediaBody.Type != "" {
		shown.MediaBody.Type = edited.MediaBody.Type
	}
	shown.Alternative = edited.Alternative
	return shown, nil
}
