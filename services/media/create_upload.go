package media

import (
	"context"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/filenames"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

const (
	maxFileName = 1024 // bytes as sent; what is kept of it is shorter
	// signedFor is how long a signed upload is usable at most. Another one can be asked for.
	signedFor = objects.MaxFormLifetime
)

// namedMedia is the namespace of ids of media that clients have named with Idempotency-Key.
var namedMedia = uuid.MustParse("5f0c8f6e-54a7-5d0a-9f0c-9a3b0a4fd3f1")

// uploadRequest is the body of POST /api/media.
type uploadRequest struct {
	RoomID   *string `json:"roomId"`
	FileName *string `json:"fileName"`
	MIMEType *string `json:"mimeType"`
	Size     *int64  `json:"size"`
	SHA256   *string `json:"sha256"`
}

// parse gives the medium that is to be uploaded, without its id and its uploader.
func (r uploadRequest) parse(cfg Config) (m store.Media, err error) {
	switch {
	case r.RoomID == nil:
		return m, httpapi.InvalidRequest("roomId is missing")
	case r.FileName == nil:
		return m, httpapi.InvalidRequest("fileName is missing")
	case r.MIMEType == nil:
		return m, httpapi.InvalidRequest("mimeType is missing")
	case r.Size == nil:
		return m, httpapi.InvalidRequest("size is missing")
	}
	room, ok := httpapi.ParseUUID(*r.RoomID)
	switch {
	case !ok:
		return m, httpapi.InvalidRequest("roomId must be a UUID")
	case *r.FileName == "" || len(*r.FileName) > maxFileName || !utf8.ValidString(*r.FileName):
		return m, httpapi.InvalidRequest(fmt.Sprintf("fileName must have 1 to %d bytes of UTF-8", maxFileName))
	case *r.Size < 1:
		return m, httpapi.InvalidRequest("size must be 1 or above")
	case *r.Size > cfg.MaxBytes:
		return m, tooLarge(fmt.Sprintf("size is above %d bytes, the most that is taken here", cfg.MaxBytes))
	}
	m = store.Media{Room: room, Purpose: store.PurposeMessage, Size: *r.Size}
	if m.MimeType, err = mediaType(*r.MIMEType); err != nil {
		return m, err
	}
	if !cfg.allows(m.MimeType) {
		return m, unsupportedType(fmt.Sprintf("media of type %.127s are not taken here", m.MimeType))
	}
	m.FileName = filenames.Clean(*r.FileName, m.MimeType)
	if r.SHA256 != nil {
		if m.SHA256, err = hex.DecodeString(*r.SHA256); err != nil || len(m.SHA256) != 32 {
			return m, httpapi.InvalidRequest("sha256 must have 64 hexadecimal digits")
		}
	}
	return m, nil
}

// mediaType gives a media type in small letters, without its parameters.
func mediaType(text string) (string, error) {
	kind, _, err := mime.ParseMediaType(text)
	switch {
	case err != nil || !strings.Contains(kind, "/"): // a type alone can be that of a Content-Disposition
		return "", httpapi.InvalidRequest("mimeType must be a media type, for example image/png")
	case len(kind) > objects.MaxTypeLength:
		return "", httpapi.InvalidRequest(fmt.Sprintf("mimeType must have at most %d bytes, without its parameters", objects.MaxTypeLength))
	}
	return kind, nil
}

// upload is how a client uploads a medium: by a form, or in parts, which it asks for by their numbers.
type upload struct {
	Form      *objects.Form `json:"form,omitempty"`
	PartSize  int64         `json:"partSize,omitempty"` // bytes; the last part has what is left
	Parts     int64         `json:"parts,omitempty"`    // how many there are
	ExpiresAt *wire.Time    `json:"expiresAt,omitempty"`
}

// createdMedium is the answer to POST /api/media.
type createdMedium struct {
	medium
	Upload *upload `json:"upload,omitempty"` // nil where it is not pending any more
}

// create handles POST /api/media.
func (s *Service) create(c *fiber.Ctx) error {
	var request uploadRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	m, err := request.parse(s.cfg)
	if err != nil {
		return err
	}
	key, err := httpapi.IdempotencyKey(c)
	if err != nil {
		return err
	}
	ctx, by := c.UserContext(), authn.Caller(c)
	if err := s.access.Upload(ctx, m.Room, by.UserID); err != nil {
		return problemOf(err)
	}
	m.Uploader, m.Tenant, m.ExpiresAt = by.UserID, by.Tenant, s.moment().Add(s.cfg.UploadTTL)
	if m.ID, err = newID(by.UserID, m.Room, key); err != nil {
		return err
	}
	m, created, err := s.store.Create(ctx, m, s.cfg.quotas())
	if err == nil && m.State == wire.MediaDeleted {
		err = store.StateError{ID: m.ID, State: m.State}
	}
	if err != nil {
		return problemOf(err)
	}
	answer, err := s.begin(ctx, m)
	if err != nil {
		return problemOf(err)
	}
	c.Set(fiber.HeaderLocation, "/api/media/"+m.ID.String()+"/status")
	if created {
		c.Status(http.StatusCreated)
	} else {
		c.Set("Idempotency-Replayed", "true")
	}
	return c.JSON(answer)
}

// newID is the id of a new medium, or the one that follows from what its uploader has named it.
func newID(user, room uuid.UUID, key string) (uuid.UUID, error) {
	if key != "" {
		return uuid.NewSHA1(namedMedia, append(append(user[:], room[:]...), key...)), nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return id, fmt.Errorf("make media id: %w", err)
	}
	return id, nil
}

// begin gives what a client uploads a pending medium with.
func (s *Service) begin(ctx context.Context, m store.Media) (createdMedium, error) {
	answer := createdMedium{medium: s.shown(m)}
	switch {
	case m.State != wire.MediaPending:
		return answer, nil
	case m.Size <= s.cfg.FormBytes && m.UploadID == "":
		until, lifetime, err := s.usable(m)
		if err != nil {
			return answer, err
		}
		form, err := s.deps.Objects.PresignForm(ctx, objects.Upload{Key: keys.Upload(m.Room, m.ID), Type: m.MimeType, Size: m.Size, SHA256: m.SHA256}, lifetime)
		if err != nil {
			return answer, fmt.Errorf("sign the upload of medium %s: %w", m.ID, err)
		}
		answer.Upload = &upload{Form: &form, ExpiresAt: &until}
		return answer, nil
	}
	m, err := s.inParts(ctx, m)
	if err != nil {
		return answer, err
	}
	answer.Upload = &upload{PartSize: m.PartSize, Parts: partsOf(m)}
	return answer, nil
}

// usable is how long an upload of a pending medium is signed for: not beyond its end, as what comes after that would be nobody's. One whose end has come is
// as good as deleted.
func (s *Service) usable(m store.Media) (until wire.Time, lifetime time.Duration, err error) {
	now := s.moment()
	lifetime = min(signedFor, m.ExpiresAt.Sub(now))
	if lifetime < time.Second { // the shortest that can be signed
		return until, 0, store.StateError{ID: m.ID, State: wire.MediaDeleted}
	}
	return wire.At(now.Add(lifetime)), lifetime, nil
}

// inParts gives a medium with its upload in parts, which it begins where there is none.
func (s *Service) inParts(ctx context.Context, m store.Media) (store.Media, error) {
	if m.UploadID != "" {
		return m, nil
	}
	key := keys.Original(m.Room, m.ID)
	begun, err := s.deps.Objects.BeginParts(ctx, objects.Upload{Key: key, Type: m.MimeType, Size: m.Size})
	if err != nil {
		return m, fmt.Errorf("begin the upload of medium %s in parts: %w", m.ID, err)
	}
	noted, err := s.store.SetUpload(ctx, m.ID, begun, s.cfg.PartBytes)
	if err == nil && noted.UploadID == begun {
		return noted, nil
	}
	if aborted := s.deps.Objects.AbortParts(context.WithoutCancel(ctx), key, begun); aborted != nil { // it expires by itself
		s.deps.Telemetry.Log.WarnContext(ctx, "an upload in parts that nobody knows of is left", "media", m.ID, "error", aborted.Error())
	}
	return noted, err
}

// partsOf is how many parts an upload has.
func partsOf(m store.Media) int64 { return (m.Size + m.PartSize - 1) / m.PartSize }
