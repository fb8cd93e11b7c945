// Package reads knows what users have read of rooms in the last minutes, and which messages were deleted: nobody is told of those by push.
//
// It follows from the log of rooms, which each process reads from a while ago: a mark stands behind its message, so whoever waits with a message cannot meet it
// in the same batch. Memory is some 100 bytes for each user and room with a mark, of at most [maxMarks] twice.
package reads

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

const (
	// Kept is how long marks are known, at least, unless there are very many.
	Kept = 15 * time.Minute

	maxMarks = 100_000 // of a generation
)

// Marks knows what was read. It is safe for concurrent use.
type Marks struct {
	now func() time.Time

	mu            sync.Mutex
	young, former generation
	turned        time.Time
}

// generation has what was marked within some time.
type generation struct {
	read    map[inRoom]time.Time
	deleted map[uuid.UUID]struct{}
}

type inRoom struct{ user, room uuid.UUID }

func newGeneration() generation {
	return generation{read: map[inRoom]time.Time{}, deleted: map[uuid.UUID]struct{}{}}
}

// New makes Marks that know nothing.
func New(now func() time.Time) *Marks {
	return &Marks{now: now, young: newGeneration(), former: newGeneration(), turned: now()}
}

var taken = []string{"ism." + events.RoomRead{}.EventName() + ".v", "ism." + events.MessagePosted{}.EventName() + ".v", "ism." + events.MessageDeleted{}.EventName() + ".v"}

// Take takes records of ism.rooms. It is a [bus.Handler]. What is malformed is passed over: whoever keeps rooms reports it.
func (m *Marks) Take(_ context.Context, records []bus.Record) error {
	for _, record := range records {
		if !slices.ContainsFunc(taken, func(of string) bool { return strings.HasPrefix(record.Headers[events.HeaderType], of) }) {
			continue
		}
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			continue
		}
		switch data := event.Data.(type) {
		case events.RoomRead:
			m.mark(inRoom{data.UserID, data.RoomID}, data.ReadAt.Time)
		case events.MessagePosted: // who answers has read what it answers
			m.mark(inRoom{data.Message.SenderID, data.RoomID}, data.Message.CreatedAt.Time)
		case events.MessageDeleted:
			m.delete(data.Message.ID)
		}
	}
	return nil
}

func (m *Marks) mark(of inRoom, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	if at.After(m.young.read[of]) {
		m.young.read[of] = at
	}
}

func (m *Marks) delete(message uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	m.young.deleted[message] = struct{}{}
}

// turn begins a generation when the young one is old or full.
func (m *Marks) turn() {
	if now := m.now(); now.Sub(m.turned) >= Kept || len(m.young.read)+len(m.young.deleted) >= maxMarks {
		m.former, m.young, m.turned = m.young, newGeneration(), now
	}
}

// Read reports whether a user has read a room up to a time.
func (m *Marks) Read(user, room uuid.UUID, at time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := inRoom{user, room}
	return !m.young.read[of].Before(at) || !m.former.read[of].Before(at)
}

// Deleted reports whether a message was deleted.
func (m *Marks) Deleted(message uuid.UUID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, young := m.young.deleted[message]
	_, former := m.former.deleted[message]
	return young || former
}
