package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// errNotUploaded says that the object of a medium, or a part of it, is not there.
var errNotUploaded = errors.New("the medium is not uploaded")

// complete handles POST /api/media/{media_id}/complete. Who asks again is told what has become of the medium.
func (s *Service) complete(c *fiber.Ctx) error {
	m, err := s.own(c)
	if err != nil {
		return err
	}
	if m.State == wire.MediaPending {
		if m, err = s.completed(c.UserContext(), m); err != nil {
			return problemOf(err)
		}
	}
	if m.State == wire.MediaUploaded {
		c.Status(http.StatusAccepted)
	}
	return c.JSON(s.shown(m))
}

// completed takes what was uploaded for a pending medium: from then on nobody can change it. What is not what it was said to be is rejected.
func (s *Service) completed(ctx context.Context, m store.Media) (store.Media, error) {
	take := s.sealed
	if m.UploadID != "" {
		take = s.joined
	}
	info, err := take(ctx, m)
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return m, errNotUploaded
	case err != nil:
		return m, fmt.Errorf("take what was uploaded of medium %s: %w", m.ID, err)
	case info.Size != m.Size:
		return m, objects.ErrMismatch
	}
	head, err := s.head(ctx, m)
	if err != nil {
		return m, fmt.Errorf("read the beginning of medium %s: %w", m.ID, err)
	}
	verdict, kind := images.Sniff(head, m.MimeType)
	sum := m.SHA256
	if sum == nil {
		sum = info.SHA256
	}
	m, err = s.store.Complete(ctx, m.ID, store.Facts{Size: info.Size, SHA256: sum, Type: kind})
	if err != nil || verdict != images.Mismatch || m.State != wire.MediaUploaded {
		return m, err
	}
	rejected, err := s.store.Reject(ctx, m.ID, string(images.NotWhatItSays))
	if errors.Is(err, store.ErrState) { // its job has found the same, and was quicker
		return s.store.ByID(ctx, m.ID)
	}
	return rejected, err
}

// sealed puts what was uploaded by a form where no form reaches, or finds that this was done.
func (s *Service) sealed(ctx context.Context, m store.Media) (objects.Info, error) {
	from, to := keys.Upload(m.Room, m.ID), keys.Original(m.Room, m.ID)
	info, err := s.deps.Objects.Stat(ctx, from)
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return s.deps.Objects.Stat(ctx, to)
	case err != nil:
		return info, err
	case info.Size != m.Size, m.SHA256 != nil && info.SHA256 != nil && !bytes.Equal(m.SHA256, info.SHA256):
		return info, objects.ErrMismatch
	}
	return s.deps.Objects.Seal(ctx, from, to, info.ETag)
}

func (s *Service) head(ctx context.Context, m store.Media) ([]byte, error) {
	content, _, err := s.deps.Objects.Open(ctx, keys.Original(m.Room, m.ID), objects.Range{Length: images.SniffBytes})
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(io.LimitReader(content, images.SniffBytes))
}
