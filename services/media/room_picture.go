package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

const (
	maxPicture  = 5 << 20  // bytes as uploaded
	pictureSide = 500      // pixels
	maxServed   = 1 << 20  // bytes of a picture as it is kept, which is far less
	formMargin  = 64 << 10 // of a form beside its picture, bytes
	pictureName = ".jpg"   // its extension
	jpeg        = "image/jpeg"
)

// uploadedPicture is the answer to an upload of a room's picture.
type uploadedPicture struct {
	URL  string `json:"imageUrl"`
	Name string `json:"imageName"`
}

// uploadPicture handles POST /api/rooms/{room_id}/upload-img.
func (s *Service) uploadPicture(c *fiber.Ctx) error {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return err
	}
	ctx, by := c.UserContext(), authn.Caller(c)
	if err := s.mayGivePicture(ctx, room, by); err != nil {
		return err
	}
	square, err := s.square(c)
	if err != nil {
		return err
	}
	m, err := s.keepPicture(ctx, room, by, square)
	if err != nil {
		return problemOf(err)
	}
	picture := events.RoomPicture{RoomID: room, UserID: by.UserID, Backend: by.Backend, Tenant: by.Tenant, URL: s.cfg.pictureURL(room, m.ID)}
	if err := s.access.SetPicture(ctx, picture); err != nil {
		if !errors.Is(err, access.ErrRooms) { // which may have taken it, and only not have said so
			s.discard(ctx, m)
		}
		return problemOf(err)
	}
	return c.JSON(uploadedPicture{URL: picture.URL, Name: m.ID.String() + pictureName})
}

const (
	pictureUploads = "/api/rooms/"
	pictureUpload  = "/upload-img"
)

func isPictureUpload(path string) bool {
	return strings.HasPrefix(path, pictureUploads) && strings.HasSuffix(path, pictureUpload)
}

// admitPicture refuses a picture before it is received, as uploadPicture refuses it, which asks again: who may may not any more once it is there.
func (s *Service) admitPicture(ctx context.Context, head httpapi.Head) error {
	by, err := s.deps.Verifier.Admit(ctx, head)
	if err != nil {
		return err
	}
	room, ok := httpapi.ParseUUID(strings.TrimSuffix(strings.TrimPrefix(head.Path(), pictureUploads), pictureUpload))
	if !ok {
		return httpapi.NoUUIDInPath()
	}
	return s.mayGivePicture(ctx, room, by)
}

func (s *Service) mayGivePicture(ctx context.Context, room uuid.UUID, by authn.Principal) error {
	if by.Backend {
		return nil
	}
	if err := s.access.Upload(ctx, room, by.UserID); err != nil {
		return problemOf(err)
	}
	return nil
}

// square gives the picture of a request as rooms have them.
func (s *Service) square(c *fiber.Ctx) ([]byte, error) {
	file, err := c.FormFile("image")
	switch {
	case err != nil:
		return nil, httpapi.InvalidRequest("the request must be multipart/form-data with one file in a field named image")
	case file.Size > maxPicture:
		return nil, tooLarge(fmt.Sprintf("the picture is larger than %d bytes", maxPicture))
	}
	content, err := file.Open()
	if err != nil {
		return nil, fmt.Errorf("read the picture: %w", err)
	}
	defer content.Close()
	return s.squareOf(c.UserContext(), file, content)
}

func (s *Service) squareOf(ctx context.Context, file *multipart.FileHeader, content io.Reader) ([]byte, error) {
	square, err := s.images.Square(ctx, content, file.Size, pictureSide)
	if reason, refused := images.ReasonOf(err); refused {
		return nil, httpapi.NewProblem(http.StatusUnprocessableEntity, string(reason), "Picture refused",
			"image must be a JPEG, PNG, GIF or WebP that can be read, and is not too large").Because(err)
	}
	if err != nil {
		return nil, problemOf(err)
	}
	return square, nil
}

// keepPicture keeps a room's picture as a medium that is ready.
func (s *Service) keepPicture(ctx context.Context, room uuid.UUID, by authn.Principal, square []byte) (store.Media, error) {
	id, err := uuid.NewRandom() // its name is all that is needed to see it
	if err != nil {
		return store.Media{}, fmt.Errorf("make media id: %w", err)
	}
	sum := sha256.Sum256(square)
	m, _, err := s.store.Create(ctx, store.Media{
		ID: id, Room: room, Uploader: by.UserID, Tenant: by.Tenant, Purpose: store.PurposeRoomImage, FileName: "room" + pictureName, MimeType: jpeg,
		Size: int64(len(square)), SHA256: sum[:], ExpiresAt: s.moment().Add(s.cfg.UploadTTL),
	}, s.cfg.quotas())
	if err != nil {
		return m, err
	}
	object := objects.Upload{Key: keys.Original(room, id), Type: jpeg, Size: m.Size, SHA256: m.SHA256}
	if _, err := s.deps.Objects.Put(ctx, object, bytes.NewReader(square)); err != nil {
		s.discard(ctx, m)
		return m, fmt.Errorf("keep the picture of room %s: %w", room, err)
	}
	if m, err = s.store.Complete(ctx, id, store.Facts{Size: m.Size, SHA256: m.SHA256, Type: jpeg}); err != nil {
		return m, err
	}
	ready, err := s.store.Ready(ctx, id, pictureSide, pictureSide, nil)
	var state store.StateError
	if errors.As(err, &state) && state.State == wire.MediaReady { // its job was quicker
		return m, nil
	}
	return ready, err
}

// discard deletes a picture that the room does not have. What fails is deleted when a newer picture replaces it, or with the room.
func (s *Service) discard(ctx context.Context, m store.Media) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if _, err := s.store.Delete(ctx, m.ID, store.ReasonWithdrawn); err != nil {
		s.deps.Telemetry.Log.WarnContext(ctx, "a picture that no room has is left", "media", m.ID, "error", err.Error())
	}
}

// picture handles GET /api/media/rooms/{room_id}/{name}. A picture never changes under its name.
func (s *Service) picture(c *fiber.Ctx) error {
	room, err := httpapi.UUIDParam(c, "room_id")
	if err != nil {
		return err
	}
	name, isPicture := strings.CutSuffix(c.Params("name"), pictureName)
	id, ok := httpapi.ParseUUID(name)
	if !isPicture || !ok {
		return problemOf(store.ErrNotFound)
	}
	ctx := c.UserContext()
	m, err := s.store.ByID(ctx, id)
	if err == nil && (m.Room != room || m.Purpose != store.PurposeRoomImage || m.State != wire.MediaReady) {
		err = store.ErrNotFound
	}
	if err != nil {
		return problemOf(err)
	}
	content, _, err := s.deps.Objects.Open(ctx, keys.Original(room, id), objects.Range{Length: maxServed})
	if errors.Is(err, objects.ErrNotFound) {
		err = store.ErrNotFound
	}
	if err != nil {
		return problemOf(err)
	}
	defer content.Close()
	bytes, err := io.ReadAll(io.LimitReader(content, maxServed))
	if err != nil {
		return problemOf(err)
	}
	c.Set(fiber.HeaderContentType, jpeg)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(bytes)
}
