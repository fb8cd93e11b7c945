package media

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// maxSigned is how many parts are signed at once.
const maxSigned = 100

// uploadedPart is a part that is there.
type uploadedPart struct {
	Number int   `json:"number"`
	Size   int64 `json:"size"`
}

// signedPart is the upload of a part.
type signedPart struct {
	Number int   `json:"number"`
	Size   int64 `json:"size"` // of its body, exactly
	objects.Request
}

// partly gives a medium of the caller's that is being uploaded in parts.
func (s *Service) partly(c *fiber.Ctx) (store.Media, error) {
	m, err := s.own(c)
	switch {
	case err != nil:
		return m, err
	case m.State != wire.MediaPending:
		return m, problemOf(store.StateError{ID: m.ID, State: m.State})
	case m.UploadID == "":
		return m, invalidState("the medium is uploaded by a form, and not in parts")
	}
	return m, nil
}

// listParts handles GET /api/media/{media_id}/parts.
func (s *Service) listParts(c *fiber.Ctx) error {
	m, err := s.partly(c)
	if err != nil {
		return err
	}
	there, err := s.deps.Objects.Parts(c.UserContext(), keys.Original(m.Room, m.ID), m.UploadID)
	if err != nil {
		return problemOf(err)
	}
	answer := struct {
		upload
		Uploaded []uploadedPart `json:"uploaded"`
	}{upload{PartSize: m.PartSize, Parts: partsOf(m)}, []uploadedPart{}}
	for _, part := range there {
		answer.Uploaded = append(answer.Uploaded, uploadedPart{part.Number, part.Size})
	}
	return c.JSON(answer)
}

// signParts handles POST /api/media/{media_id}/parts.
func (s *Service) signParts(c *fiber.Ctx) error {
	m, err := s.partly(c)
	if err != nil {
		return err
	}
	var request struct {
		Numbers []int `json:"numbers"`
	}
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	if n := len(request.Numbers); n < 1 || n > maxSigned {
		return httpapi.InvalidRequest(fmt.Sprintf("numbers must name 1 to %d parts", maxSigned))
	}
	until, lifetime, err := s.usable(m)
	if err != nil {
		return problemOf(err)
	}
	answer := struct {
		Parts     []signedPart `json:"parts"`
		ExpiresAt wire.Time    `json:"expiresAt"`
	}{ExpiresAt: until}
	for _, number := range request.Numbers {
		signed, err := s.signPart(c.UserContext(), m, number, lifetime)
		if err != nil {
			return err
		}
		answer.Parts = append(answer.Parts, signed)
	}
	return c.JSON(answer)
}

func (s *Service) signPart(ctx context.Context, m store.Media, number int, lifetime time.Duration) (signedPart, error) {
	if number < 1 || int64(number) > partsOf(m) {
		return signedPart{}, httpapi.InvalidRequest(fmt.Sprintf("numbers must be from 1 to %d", partsOf(m)))
	}
	size := sizeOfPart(m, number)
	request, err := s.deps.Objects.PresignPart(ctx, objects.PartUpload{Key: keys.Original(m.Room, m.ID), UploadID: m.UploadID, Number: number, Size: size}, lifetime)
	if err != nil {
		return signedPart{}, problemOf(fmt.Errorf("sign part %d of medium %s: %w", number, m.ID, err))
	}
	return signedPart{Number: number, Size: size, Request: request}, nil
}

func sizeOfPart(m store.Media, number int) int64 {
	return min(m.PartSize, m.Size-int64(number-1)*m.PartSize)
}

// joined makes the object of a medium of its parts, or finds that this was done.
func (s *Service) joined(ctx context.Context, m store.Media) (objects.Info, error) {
	key := keys.Original(m.Room, m.ID)
	there, err := s.deps.Objects.Parts(ctx, key, m.UploadID)
	if errors.Is(err, objects.ErrNotFound) { // it may be completed
		return s.deps.Objects.Stat(ctx, key)
	}
	if err != nil {
		return objects.Info{}, err
	}
	if int64(len(there)) != partsOf(m) {
		return objects.Info{}, objects.ErrNotFound
	}
	for i, part := range there {
		if part.Number != i+1 || part.Size != sizeOfPart(m, part.Number) {
			return objects.Info{}, objects.ErrMismatch
		}
	}
	if err := s.deps.Objects.CompleteParts(ctx, key, m.UploadID, there); err != nil {
		return objects.Info{}, err
	}
	return s.deps.Objects.Stat(ctx, key)
}
