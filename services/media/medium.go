package media

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

// medium is what the API says of one.
type medium struct {
	ID        uuid.UUID       `json:"mediaId"`
	RoomID    uuid.UUID       `json:"roomId"`
	State     wire.MediaState `json:"state"`
	Reason    string          `json:"reason,omitempty"` // why it is rejected
	FileName  string          `json:"fileName"`
	MIMEType  string          `json:"mimeType"`
	Size      int64           `json:"size"`
	Width     int             `json:"width,omitempty"`
	Height    int             `json:"height,omitempty"`
	Variants  []string        `json:"variants,omitempty"`
	URL       string          `json:"url"`
	CreatedAt wire.Time       `json:"createdAt"`
	ExpiresAt *wire.Time      `json:"expiresAt,omitempty"` // when it is deleted, unless it is completed by then
}

func (s *Service) shown(m store.Media) medium {
	shown := medium{
		ID: m.ID, RoomID: m.Room, State: m.State, Reason: m.Reason, FileName: m.FileName, MIMEType: m.MimeType, Size: m.Size, Width: m.Width, Height: m.Height,
		Variants: m.Variants, URL: s.cfg.mediumURL(m.ID), CreatedAt: wire.At(m.CreatedAt),
	}
	if !m.ExpiresAt.IsZero() {
		at := wire.At(m.ExpiresAt)
		shown.ExpiresAt = &at
	}
	return shown
}

// status handles GET /api/media/{media_id}/status. Who may download a medium may know of it, and its uploader.
func (s *Service) status(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "media_id")
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	m, err := s.found(ctx, id)
	if err != nil {
		return problemOf(err)
	}
	if by := authn.Caller(c); by.UserID != m.Uploader {
		if err := s.mayDownload(ctx, m, by.UserID); err != nil {
			return problemOf(err)
		}
	}
	return c.JSON(s.shown(m))
}

// found gives a medium for messages that there is. Errors: [store.ErrNotFound], also of one that is deleted.
func (s *Service) found(ctx context.Context, id uuid.UUID) (store.Media, error) {
	m, err := s.store.ByID(ctx, id)
	return m, onlyOfMessages(m, err)
}

func onlyOfMessages(m store.Media, err error) error {
	if err == nil && (m.State == wire.MediaDeleted || m.Purpose != store.PurposeMessage) {
		return store.ErrNotFound
	}
	return err
}

// own gives a medium that the caller has uploaded.
func (s *Service) own(c *fiber.Ctx) (store.Media, error) {
	id, err := httpapi.UUIDParam(c, "media_id")
	if err != nil {
		return store.Media{}, err
	}
	m, err := s.found(c.UserContext(), id)
	if err == nil && m.Uploader != authn.Caller(c).UserID {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Media{}, problemOf(err)
	}
	return m, nil
}

// ErrNotFound says that there is no such medium.
var ErrNotFound = store.ErrNotFound

// Medium tells messages of a medium that a sender is about to show in a room, and holds it for that if it is theirs: until it is known that a message shows it,
// it is not deleted for want of one. Errors: [ErrNotFound]; any other means that the store does not answer now.
func (s *Service) Medium(ctx context.Context, id, room, sender uuid.UUID) (events.MediaAnswer, error) {
	m, err := s.store.Show(ctx, id, room, sender)
	if err = onlyOfMessages(m, err); err != nil {
		return events.MediaAnswer{}, err
	}
	return events.MediaAnswer{
		ID: m.ID, RoomID: m.Room, UploaderID: m.Uploader, State: m.State, URL: s.cfg.mediumURL(m.ID), FileName: m.FileName, MIMEType: m.MimeType,
		Size: int(m.Size), Width: m.Width, Height: m.Height,
	}, nil
}

// internalMedium handles GET /internal/media/{media_id}. Who does not say who shows it where, as builds before that was asked, has it held for nobody.
func (s *Service) internalMedium(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "media_id")
	if err != nil {
		return err
	}
	var room, sender uuid.UUID
	for name, into := range map[string]*uuid.UUID{"roomId": &room, "senderId": &sender} {
		if c.Query(name) == "" {
			continue
		}
		if *into, err = httpapi.UUIDQuery(c, name); err != nil {
			return err
		}
	}
	answer, err := s.Medium(c.UserContext(), id, room, sender)
	if err != nil {
		return problemOf(err)
	}
	return c.JSON(answer)
}

// moment is the time as the store keeps it.
func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
