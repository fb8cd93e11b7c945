package media

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// maxUses is how many messages are looked at, of those that show a medium.
const maxUses = 20

// download handles GET /api/media/{media_id}.
func (s *Service) download(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "media_id")
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	m, err := s.found(ctx, id)
	if err != nil {
		return problemOf(err)
	}
	if err := s.mayDownload(ctx, m, authn.Caller(c).UserID); err != nil {
		return problemOf(err)
	}
	key, what, err := variantOf(m, c.Query("variant"))
	if err != nil {
		return err
	}
	what.Inline = c.Query("download") == ""
	at, err := s.deps.Objects.PresignGet(ctx, key, what, s.cfg.DownloadTTL)
	if err != nil {
		return problemOf(fmt.Errorf("sign the download of medium %s: %w", m.ID, err))
	}
	c.Set(fiber.HeaderCacheControl, fmt.Sprintf("private, max-age=%d", int(s.remembered().Seconds())))
	c.Vary(fiber.HeaderAuthorization)
	return c.Redirect(at, http.StatusFound)
}

// remembered is for how long a client may use the answer again, which leaves time to download.
func (s *Service) remembered() time.Duration { return s.cfg.DownloadTTL * 4 / 5 }

// mayDownload reports by an error whether a user may have a medium: one that is ready, if the user is in the room and may read what shows it. Others cannot
// tell it from one that there is not; its uploader is told how far it is.
func (s *Service) mayDownload(ctx context.Context, m store.Media, user uuid.UUID) error {
	if m.State != wire.MediaReady {
		if user == m.Uploader {
			return store.StateError{ID: m.ID, State: m.State}
		}
		return store.ErrNotFound
	}
	uses, err := s.store.Uses(ctx, m.ID, maxUses)
	if err != nil {
		return err
	}
	err = s.access.Download(ctx, m.Room, user, uses)
	if errors.Is(err, access.ErrNotFound) {
		err = store.ErrNotFound
	}
	return err
}

// variantOf gives what is to be downloaded of a medium: all of it, or a smaller picture.
func variantOf(m store.Media, variant string) (key string, what objects.Download, err error) {
	if variant == "" {
		return keys.Original(m.Room, m.ID), objects.Download{FileName: m.FileName, Type: m.Type}, nil
	}
	if variant == "thumb" {
		variant = "256"
	}
	if !slices.Contains(m.Variants, variant) {
		return "", what, httpapi.NewProblem(http.StatusNotFound, "variant-not-found", "Variant not found", "the medium has no such variant")
	}
	name := m.FileName
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	return keys.Variant(m.Room, m.ID, variant), objects.Download{FileName: name + "-" + variant + ".jpg", Type: "image/jpeg"}, nil
}

// withdraw handles DELETE /api/media/{media_id}: its uploader deletes what no message shows.
func (s *Service) withdraw(c *fiber.Ctx) error {
	m, err := s.own(c)
	if err != nil {
		return err
	}
	if err := s.store.Withdraw(c.UserContext(), m.ID); err != nil {
		return problemOf(err)
	}
	return c.SendStatus(http.StatusNoContent)
}
