// Package pace measures rooms' paces by the log, see [events.Pace]: a busy room's messages say how busy it is, so that a store can divide them.
//
// # State
//
// Of each of the rooms with the newest messages, 16,384 of all partitions together: how many offsets 8,192 of its messages took, and how many the
// measurement under way has taken so far. It begins empty: the first 8,192 messages of a room that a process sees have no pace.
//
// # Invariants
//
//   - A room that gets busier has the new pace after two measurements at most, 16,384 messages.
//   - A room that gets quieter has a new pace as soon as the measurement under way takes longer than the one before.
//   - A room is forgotten when as many others have had messages since its own: that happens to none that is busy.
package pace

import (
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/ism-chat/ism/libs/events"
)

// maxRooms is how many rooms are remembered, each of some 200 bytes.
const maxRooms = 16_384

// Paces are those of rooms. They are safe for concurrent use.
type Paces struct {
	mu    sync.Mutex
	rooms *simplelru.LRU[uuid.UUID, *measurement]
}

// measurement is the one under way of a room, in offsets of its partition.
type measurement struct {
	first, newest int64 // messages
	messages      int
	before        int64 // what the measurement before has taken; 0: there was none
}

// New makes paces that know no room.
func New() (*Paces, error) {
	rooms, err := simplelru.NewLRU[uuid.UUID, *measurement](maxRooms, nil)
	if err != nil {
		return nil, fmt.Errorf("make memory of rooms' paces: %w", err)
	}
	return &Paces{rooms: rooms}, nil
}

// Saw says that the log has a message of a room at an offset. Those of a room come in their order.
func (p *Paces) Saw(room uuid.UUID, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, known := p.rooms.Get(room)
	switch {
	case !known:
		p.rooms.Add(room, &measurement{first: offset, newest: offset, messages: 1})
	case m.messages == events.PaceMessages:
		*m = measurement{first: offset, newest: offset, messages: 1, before: offset - m.first}
	default:
		m.newest = offset
		m.messages++
	}
}

// Of gives the pace of a room.
func (p *Paces) Of(room uuid.UUID) events.Pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, known := p.rooms.Peek(room)
	if !known || m.before == 0 {
		return 0
	}
	return events.PaceOf(max(m.before, m.newest-m.first))
}

// Forget forgets all rooms, as when the log does not go on where it was.
func (p *Paces) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rooms.Purge()
}
