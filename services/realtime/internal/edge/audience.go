package edge

import (
	"fmt"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ism-chat/ism/libs/events"
)

// audiences remembers the newest audience of each room that has been seen in the room's log, of a bounded number of rooms:
// those in which something happened last. A record that was written by somebody who had not yet heard of a change then
// still goes to the right people.
type audiences struct {
	rooms *lru.Cache[uuid.UUID, events.Audience]
}

func newAudiences(rooms int) (*audiences, error) {
	cache, err := lru.New[uuid.UUID, events.Audience](rooms)
	if err != nil {
		return nil, fmt.Errorf("remember the audiences of %d rooms: %w", rooms, err)
	}
	return &audiences{rooms: cache}, nil
}

// known is the newest audience known of the room.
func (a *audiences) known(room uuid.UUID) (events.Audience, bool) { return a.rooms.Peek(room) }

// newest is the newest audience known of the room, the given one included.
func (a *audiences) newest(room uuid.UUID, given events.Audience) []uuid.UUID {
	if known, ok := a.rooms.Get(room); ok && known.Version >= given.Version {
		return known.Users
	}
	a.rooms.Add(room, given)
	return given.Users
}
