package oneprocess

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/objects/directory"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/attachments"
	"github.com/ism-chat/ism/services/messages/membership"
	messagesstore "github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/rooms"
)

// servedMedia is the media service with the server at which clients upload and download, which stops before what it serves from.
type servedMedia struct {
	*media.Service
	server *directory.Server
}

var _ interface {
	deployable.Service
	deployable.LargeBodies
} = servedMedia{}

// Parts implements [deployable.Service].
func (s servedMedia) Parts() []lifecycle.Part {
	return append(s.Service.Parts(), lifecycle.Part{Name: "media server", Run: s.server.Run})
}

// contentsOfMedia makes the directory that media's contents are in.
func contentsOfMedia(cfg Config, host *deployable.Host) (*directory.Store, error) {
	contents, err := directory.New(directory.Config{
		Path: filepath.Join(cfg.DataDir, mediaDir), PublicURL: cfg.Media.Directory.PublicURL, CORSOrigins: cfg.Media.Directory.CORSOrigins,
	}, host.Telemetry)
	if err != nil {
		return nil, fmt.Errorf("make the directory of media: %w", err)
	}
	return contents, nil
}

// mediaDirectly answers messages' questions to media within the process.
type mediaDirectly struct {
	media *media.Service
}

// Medium implements [attachments.Media].
func (m mediaDirectly) Medium(ctx context.Context, id, room, sender uuid.UUID) (events.MediaAnswer, error) {
	medium, err := m.media.Medium(ctx, id, room, sender)
	if errors.Is(err, media.ErrNotFound) {
		return events.MediaAnswer{}, attachments.ErrNotFound
	}
	return medium, err
}

// roomsForMedia answers media's questions to rooms within the process.
type roomsForMedia struct {
	rooms *rooms.Service
}

// Standing implements [access.Rooms].
func (r roomsForMedia) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	standing, err := r.rooms.Standing(ctx, room, user)
	if errors.Is(err, rooms.ErrRoomNotFound) {
		return events.Standing{}, access.ErrNotFound
	}
	return standing, err
}

// SetPicture implements [access.Rooms].
func (r roomsForMedia) SetPicture(ctx context.Context, picture events.RoomPicture) error {
	err := r.rooms.SetPicture(ctx, picture)
	switch {
	case errors.Is(err, rooms.ErrRoomNotFound):
		return access.ErrNotFound
	case errors.Is(err, rooms.ErrSingleRoom):
		return access.ErrSingleRoom
	default:
		return err
	}
}

// messagesForMedia answers media's questions to messages within the process. Each of the two asks the other: messages is made second, and put here then,
// before anything runs.
type messagesForMedia struct {
	messages *messages.Service
}

// Reads implements [access.Messages].
func (m *messagesForMedia) Reads(ctx context.Context, room, message, user uuid.UUID) error {
	err := m.messages.Reads(ctx, room, message, user)
	if errors.Is(err, messagesstore.ErrMessageNotFound) || errors.Is(err, membership.ErrRoomNotFound) {
		return access.ErrNotFound
	}
	return err
}
