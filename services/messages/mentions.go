package messages

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/messages/membership"
)

const (
	// maxMentions is how many users a message mentions at most.
	maxMentions = 50
	// mentionSize is what each takes in JSON, bytes.
	mentionSize = len(`"0192d3a0-0000-7000-8000-00000000000a",`)
	// mentionsAtOnce is how many of them are asked for at once: of a large room each by itself.
	mentionsAtOnce = 10
)

// errNoMember says that somebody is mentioned who is no member of the room.
var errNoMember = errors.New("a user who is mentioned is no member of the room")

// parseMentions reads whom a request mentions, and gives each once, in the order of their first places; nil for nobody.
func parseMentions(given []*string) ([]uuid.UUID, error) {
	if len(given) > maxMentions {
		return nil, httpapi.InvalidRequest(fmt.Sprintf("mentions has more than %d users", maxMentions))
	}
	var mentions []uuid.UUID
	for _, text := range given {
		if text == nil {
			return nil, httpapi.InvalidRequest("mentions must be UUIDs")
		}
		user, ok := httpapi.ParseUUID(*text)
		if !ok {
			return nil, httpapi.InvalidRequest("mentions must be UUIDs")
		}
		if !slices.Contains(mentions, user) {
			mentions = append(mentions, user)
		}
	}
	return mentions, nil
}

// mentionable looks whether users are members of a room. Those whom the membership does not name are asked for: it may be older than their joining, and
// that of a large room names nobody. Errors: errNoMember, and those of [membership.Cache.Of].
func (s *Service) mentionable(ctx context.Context, members events.Membership, users []uuid.UUID) error {
	var asking errgroup.Group
	asking.SetLimit(mentionsAtOnce)
	for _, user := range users {
		if members.Names(user) {
			continue
		}
		asking.Go(func() error {
			_, err := s.members.Of(ctx, members.RoomID, user)
			if errors.Is(err, membership.ErrRoomNotFound) {
				return errNoMember
			}
			return err
		})
	}
	return asking.Wait()
}
