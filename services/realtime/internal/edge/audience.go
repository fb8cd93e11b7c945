package edge

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/weighed"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/large"
)

// audiences knows who may see what happens in a room: the newest audience that has been seen in the room's log, so that a record which was written
// by somebody who had not yet heard of a change still goes to the right people. Of rooms whose events name their audience it remembers those in
// which something happened last, within a bound of bytes. Of large rooms it knows all.
type audiences struct {
	named *weighed.Cache[uuid.UUID, events.Audience]
	large *large.Rooms
}

func newAudiences(bytes int, window time.Duration) (*audiences, error) {
	named, err := weighed.New[uuid.UUID](bytes, func(a events.Audience) int { return len(a.Users) * len(uuid.UUID{}) })
	if err != nil {
		return nil, fmt.Errorf("remember audiences: %w", err)
	}
	return &audiences{named: named, large: large.New(window)}, nil
}

// target is who is to be given something: users, or the members of a large room as of a version.
type target struct {
	users []uuid.UUID
	room  *large.Room
	asOf  int64
}

// nobody reports whether it is known to be nobody.
func (t target) nobody() bool { return t.room == nil && len(t.users) == 0 }

// known is the newest audience known of the room.
func (a *audiences) known(room uuid.UUID) (of target, version int64, ok bool) {
	if found, ok := a.large.Find(room); ok {
		return target{room: found, asOf: found.Version()}, found.Version(), true
	}
	named, ok := a.named.Peek(room)
	return target{users: named.Users}, named.Version, ok
}

// newest is the newest audience known of an event's room, what the event says included.
func (a *audiences) newest(now time.Time, of occurrence) target {
	if of.audience.WholeRoom {
		a.learn(now, of)
	}
	if room, ok := a.large.Find(of.room); ok {
		return target{room: room, asOf: room.Version()}
	}
	if known, ok := a.named.Get(of.room); ok && known.Version >= of.audience.Version {
		return target{users: known.Users}
	}
	a.named.Add(of.room, of.audience)
	return target{users: of.audience.Users}
}

// learn takes what an event of a large room says of its members.
func (a *audiences) learn(now time.Time, of occurrence) {
	version := of.audience.Version
	switch data := of.event.Data.(type) {
	case events.MembersJoined:
		a.large.Join(now, of.room, version, data.Joined...)
	case events.RoomEnded:
		a.large.End(now, of.room, version)
	case events.MembershipChanged:
		if data.Change == wire.Leave {
			a.large.Leave(now, of.room, version, data.Member.ID)
		} else {
			a.large.Join(now, of.room, version, data.Member.ID)
		}
	}
	if len(of.audience.Users) > 0 {
		a.large.Begin(of.room, version, of.audience.Users)
		a.named.Remove(of.room)
	}
	a.large.Seen(now, of.room, version)
}
