package messages

import (
	"context"

	"github.com/ism-chat/ism/services/messages/attachments"
	"github.com/ism-chat/ism/services/messages/internal/body"
)

// show gives a body with the medium that it names, which must be ready, of the room, and uploaded by the sender. Errors: those of [attachments.Find].
func (s *Service) show(ctx context.Context, u utterance, media body.Media) (body.Media, error) {
	medium, err := attachments.Find(ctx, s.deps.Media, media.ID, u.members.RoomID, u.sender.UserID)
	if err != nil {
		return body.Media{}, err
	}
	return media.Showing(medium), nil
}
