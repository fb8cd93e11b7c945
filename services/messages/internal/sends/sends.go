// Package sends makes a send that is tried again the same send.
//
// A client names what it sends. From the name, the sender, the room and the day follow the ids of the message and of its event, on every node and after
// every crash. So whoever comes to the log later can tell that two records are one message, of which the first counts; and whoever takes a send
// finds what became of it before, for as long as a day and up to two.
//
// [Sends] is what one process knows: which sends are under way, and the newest results. Losing it loses nothing but time.
package sends

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/weighed"
	"github.com/ism-chat/ism/libs/wire"
)

// ErrUnderWay says that another send of the same name is under way, and did not end in time.
var ErrUnderWay = errors.New("a send of the same name is under way")

// Name is what a client names a send with. Others may use the same text.
type Name struct {
	Sender, Room uuid.UUID
	Text         string
}

// day is how long ids are the same.
const day = 24 * time.Hour

// Message is the id of the message if it is sent at a time: a UUID of version 7 (RFC 9562, section 5.7) whose time is the beginning of the day, UTC, and
// whose other bits follow from the name.
func (n Name) Message(at time.Time) uuid.UUID {
	begin := at.UTC().Truncate(day).UnixMilli()
	hash := n.hash("message", begin)
	id := uuid.UUID(hash[:len(uuid.UUID{})])
	for i := range 6 {
		id[i] = byte(begin >> (40 - 8*i))
	}
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

// Event is the id of the event of the message if it is sent at a time: a UUID of version 8.
func (n Name) Event(at time.Time) uuid.UUID {
	hash := n.hash("event", at.UTC().Truncate(day).UnixMilli())
	id := uuid.UUID(hash[:len(uuid.UUID{})])
	id[6], id[8] = 0x80|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

// Messages are the ids that the message may have if it was sent before a time, for as long as names count: on that day, and the day before.
func (n Name) Messages(now time.Time) [2]uuid.UUID {
	return [2]uuid.UUID{n.Message(now), n.Message(now.Add(-day))}
}

// hash is of fields that are of fixed length but for the last.
func (n Name) hash(of string, begin int64) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "ism %s %d %s %s %s", of, begin, n.Sender, n.Room, n.Text))
}

// Sends knows the sends of one process. It is safe for concurrent use.
type Sends struct {
	mu       sync.Mutex
	underWay map[Name]chan struct{} // closed when it has ended
	results  *weighed.Cache[uuid.UUID, wire.Message]
}

// New makes a Sends that remembers results, which take about so many bytes.
func New(limit int) (*Sends, error) {
	results, err := weighed.New[uuid.UUID](limit, func(m wire.Message) int {
		return len(m.Body) + len(m.ClientID) + len(m.Position) + len(m.Mentions)*len(uuid.UUID{})
	})
	if err != nil {
		return nil, fmt.Errorf("make memory of sends: %w", err)
	}
	return &Sends{underWay: map[Name]chan struct{}{}, results: results}, nil
}

// Begin begins a send once no other one of its name is under way. Call the returned function when it is over, whatever came of it. Errors:
// [ErrUnderWay] when ctx is done before that.
func (s *Sends) Begin(ctx context.Context, name Name) (end func(), err error) {
	for {
		other := s.begin(name)
		if other == nil {
			return func() { s.end(name) }, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnderWay, ctx.Err())
		}
	}
}

// begin begins a send, or gives when the one of its name ends.
func (s *Sends) begin(name Name) (other <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.underWay[name]; ok {
		return other
	}
	s.underWay[name] = make(chan struct{})
	return nil
}

func (s *Sends) end(name Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.underWay[name])
	delete(s.underWay, name)
}

// Remember remembers what became of a send.
func (s *Sends) Remember(message wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results.Add(message.ID, message)
}

// Result gives a message that this process has sent, if it is remembered.
func (s *Sends) Result(message uuid.UUID) (wire.Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.results.Get(message)
}

// Forget forgets what became of a send: the message is another one now.
func (s *Sends) Forget(message uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results.Remove(message)
}
