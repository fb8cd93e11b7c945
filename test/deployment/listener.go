package deployment

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

// Listener reads a user's stream as a good client does: it reconnects for ever, behind the last event that it has seen.
type Listener struct {
	user   *User
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	events []client.StreamEvent
	opened int
	door   int                // the edge where the stream is opened
	hangUp context.CancelFunc // ends the stream that is open, or is being opened
	away   chan struct{}      // closed by Return; nil while the listener is there
	news   chan struct{}      // holds a token while there may be something that a waiter has not seen
}

// Listen opens the user's stream, waits until it is open and reads it until Close or the end of the test.
func (u *User) Listen(t testing.TB) *Listener {
	t.Helper()
	return u.ListenAt(t, 0)
}

// ListenAt is [User.Listen] at the edge of that number, counted round and round.
func (u *User) ListenAt(t testing.TB, edge int) *Listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Listener{user: u, cancel: cancel, done: make(chan struct{}), news: make(chan struct{}, 1), hangUp: func() {}, door: edge}
	opened := make(chan struct{})
	go l.run(ctx, opened)
	t.Cleanup(l.Close)
	select {
	case <-opened:
	case <-time.After(time.Minute):
		t.Fatalf("the stream of %s did not open", u.Name)
	}
	return l
}

// Close ends the stream and waits for its reader.
func (l *Listener) Close() {
	l.cancel()
	<-l.done
}

// Leave ends the stream, until Return.
func (l *Listener) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = make(chan struct{})
	l.hangUp()
}

// Move ends the stream, or the attempt to open it, and resumes it at the next edge.
func (l *Listener) Move() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.door++
	l.hangUp()
}

// Return resumes the stream behind the last event that has been seen.
func (l *Listener) Return() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.away)
	l.away = nil
}

// present waits while the listener is away.
func (l *Listener) present(ctx context.Context) {
	l.mu.Lock()
	away := l.away
	l.mu.Unlock()
	if away == nil {
		return
	}
	select {
	case <-away:
	case <-ctx.Done():
	}
}

// approach chooses the edge for the next stream, which lives as long as the context.
func (l *Listener) approach(ctx context.Context) (context.Context, *client.Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, l.hangUp = context.WithCancel(ctx)
	if l.away != nil {
		l.hangUp()
	}
	return ctx, l.user.doors[l.door%len(l.user.doors)]
}

func (l *Listener) run(ctx context.Context, opened chan<- struct{}) {
	defer close(l.done)
	lastID := ""
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
		l.present(ctx)
		visit, edge := l.approach(ctx)
		if stream, err := edge.Stream(visit, lastID); err == nil {
			if l.opened++; l.opened == 1 {
				close(opened)
			}
			l.read(visit, stream)
			lastID = stream.LastEventID()
			stream.Close()
		}
		retry.Reset(100 * time.Millisecond)
	}
}

// read takes events until the stream ends, or the visit.
func (l *Listener) read(visit context.Context, stream *client.Stream) {
	for visit.Err() == nil {
		event, err := stream.Next()
		if err != nil {
			return
		}
		l.mu.Lock()
		l.events = append(l.events, event)
		l.mu.Unlock()
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
}

// Events are all events read so far.
func (l *Listener) Events() []client.StreamEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]client.StreamEvent(nil), l.events...)
}

// Await waits until the events read so far satisfy the condition.
func (l *Listener) Await(t testing.TB, timeout time.Duration, what string, condition func([]client.StreamEvent) bool) []client.StreamEvent {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		seen := l.Events()
		if condition(seen) {
			return seen
		}
		select {
		case <-l.news:
		case <-deadline.C:
			t.Fatalf("%s waits in vain for %s; seen: %s", l.user.Name, what, summary(seen))
		}
	}
}

// AwaitType waits for the first event of a type.
func (l *Listener) AwaitType(t testing.TB, eventType string) client.StreamEvent {
	t.Helper()
	seen := l.Await(t, time.Minute, "a "+eventType, func(all []client.StreamEvent) bool { return index(all, eventType) >= 0 })
	return seen[index(seen, eventType)]
}

// AwaitMessages waits for a number of chat messages of a room and gives all that were seen.
func (l *Listener) AwaitMessages(t testing.TB, room uuid.UUID, n int) []wire.ChatMessage {
	t.Helper()
	seen := l.Await(t, time.Minute, "chat messages", func(all []client.StreamEvent) bool { return len(Messages(t, all, room)) >= n })
	return Messages(t, seen, room)
}

// Messages are the chat messages of a room among the events.
func Messages(t testing.TB, all []client.StreamEvent, room uuid.UUID) []wire.ChatMessage {
	t.Helper()
	var messages []wire.ChatMessage
	for _, event := range all {
		if event.Type != "ChatMessage" {
			continue
		}
		var chat wire.ChatMessage
		if err := json.Unmarshal(event.Data, &chat); err != nil {
			t.Fatalf("decode a chat message: %v", err)
		}
		if chat.Message.RoomID == room {
			messages = append(messages, chat)
		}
	}
	return messages
}

func index(all []client.StreamEvent, eventType string) int {
	for i, event := range all {
		if event.Type == eventType {
			return i
		}
	}
	return -1
}

func summary(all []client.StreamEvent) string {
	counts := map[string]int{}
	for _, event := range all {
		counts[event.Type]++
	}
	raw, _ := json.Marshal(counts)
	return string(raw)
}
