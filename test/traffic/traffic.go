// Package traffic has users chat and listen while a test harms the messenger, and compares what was said of each message with what became of
// it: in the history, and on every stream.
package traffic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	users        = 20
	rooms        = 4 // every user is in all of them and writes to one
	sendInterval = 100 * time.Millisecond
	sendTimeout  = 20 * time.Second
	// settleTimeout is how long the histories and streams may take to have all that they will have.
	settleTimeout = 3 * time.Minute
)

// Traffic is a number of users who send and listen.
type Traffic struct {
	people    []*deployment.User
	rooms     []uuid.UUID
	listeners []*deployment.Listener

	sending context.Context
	stop    context.CancelFunc
	senders sync.WaitGroup

	mu     sync.Mutex
	report Report
}

// Begin has users chat until Verify, or the end of the test.
func Begin(t *testing.T, d *deployment.Deployment) *Traffic {
	t.Helper()
	w := begin(t, d)
	w.send(t, func(ctx context.Context, user *deployment.User, room uuid.UUID, i int) {
		w.sendPlain(ctx, user, room, i)
	})
	return w
}

// begin has users listen in the rooms that they will chat in.
func begin(t *testing.T, d *deployment.Deployment) *Traffic {
	t.Helper()
	w := &Traffic{report: newReport()}
	var all []uuid.UUID
	for i := range users {
		user := d.SignIn(t, fmt.Sprintf("u%02d", i+1))
		w.people, all = append(w.people, user), append(all, user.ID)
	}
	for i := range rooms {
		room, err := w.people[0].CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: fmt.Sprintf("Traffic %d", i), Invited: all})
		if err != nil {
			t.Fatalf("create a room: %v", err)
		}
		w.rooms = append(w.rooms, room.ID)
	}
	for i, user := range w.people {
		w.listeners = append(w.listeners, user.ListenAt(t, i))
	}
	w.sending, w.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(w.end)
	return w
}

// send has all users send something again and again.
func (w *Traffic) send(t *testing.T, one func(ctx context.Context, user *deployment.User, room uuid.UUID, i int)) {
	t.Helper()
	for i, user := range w.people {
		w.senders.Go(func() {
			tick := time.NewTicker(sendInterval)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-w.sending.Done():
					return
				case <-tick.C:
				}
				one(w.sending, user, w.rooms[i%rooms], n)
			}
		})
	}
}

func (w *Traffic) end() {
	w.stop()
	w.senders.Wait()
}

// Leave has the first n users close their streams, until the function that it gives is called.
func (w *Traffic) Leave(n int) (comeBack func()) {
	for _, listener := range w.listeners[:n] {
		listener.Leave()
	}
	return func() {
		for _, listener := range w.listeners[:n] {
			listener.Return()
		}
	}
}

// Move has the first n users go on with their streams at the next edge.
func (w *Traffic) Move(n int) {
	for _, listener := range w.listeners[:n] {
		listener.Move()
	}
}

// Resyncs counts those on the stream of a user.
func (r Report) Resyncs(user string) (n int) {
	for _, d := range r.Streams[user] {
		if d.Resync != "" {
			n++
		}
	}
	return n
}

// Wait lets users chat for a while: it is what the test does, not what it waits for.
func Wait(d time.Duration) { <-time.After(d) }

// AwaitAcknowledged waits until so many more messages have been acknowledged.
func (w *Traffic) AwaitAcknowledged(t *testing.T, more int) {
	t.Helper()
	wanted := w.Acknowledged() + more
	for end := time.Now().Add(settleTimeout); w.Acknowledged() < wanted; Wait(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d messages were acknowledged", w.Acknowledged(), wanted)
		}
	}
}

// Acknowledged counts the messages that have been acknowledged.
func (w *Traffic) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.report.Acknowledged)
}

// AwaitEverywhere waits until so many more messages have been acknowledged in each room.
func (w *Traffic) AwaitEverywhere(t *testing.T, more int) {
	t.Helper()
	before := w.byRoom()
	fewest := func() int {
		now, fewest := w.byRoom(), more
		for _, room := range w.rooms {
			fewest = min(fewest, now[room]-before[room])
		}
		return fewest
	}
	for end := time.Now().Add(settleTimeout); fewest() < more; Wait(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d messages were acknowledged in a room", fewest(), more)
		}
	}
}

func (w *Traffic) byRoom() map[uuid.UUID]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	acknowledged := map[uuid.UUID]int{}
	for _, message := range w.report.Acknowledged {
		acknowledged[message.Room]++
	}
	return acknowledged
}

// AwaitDelivered waits until all streams have what has been acknowledged by now.
func (w *Traffic) AwaitDelivered(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	wanted := maps.Clone(w.report.Acknowledged)
	w.mu.Unlock()
	for _, listener := range w.listeners {
		listener.Await(t, settleTimeout, "what is acknowledged", func(events []client.StreamEvent) bool {
			missing := maps.Clone(wanted)
			for _, d := range deliveries(t, events) {
				delete(missing, d.Message.Text)
			}
			return len(missing) == 0
		})
	}
}

// AwaitFailed waits until so many more sends have failed with the code.
func (w *Traffic) AwaitFailed(t *testing.T, code string, more int) {
	t.Helper()
	wanted := w.failed(code) + more
	for end := time.Now().Add(settleTimeout); w.failed(code) < wanted; Wait(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d sends have failed with %s", w.failed(code), wanted, code)
		}
	}
}

func (w *Traffic) failed(code string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report.Failures[code]
}

// Senders is how many messages may be under way at once.
func (w *Traffic) Senders() int { return len(w.people) }

// Rooms are those that users chat in.
func (w *Traffic) Rooms() []uuid.UUID { return w.rooms }

// sendPlain sends a message with a text of its own, once.
func (w *Traffic) sendPlain(ctx context.Context, user *deployment.User, room uuid.UUID, i int) {
	text := fmt.Sprintf("%s %d", user.Name, i)
	// A send under way is not cut off at the end: its answer counts.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	send := Send{Room: room, Begun: time.Now()}
	message, err := user.At(i).SendText(call, room, text)
	send.Answered = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.answered(send, text, message, err)
}

// Options say what a test allows.
type Options struct {
	Resync bool // streams may have gaps that a Resync announces
	// Behind: an edge may be behind the ids that clients come with. Behind its Resync unknown-position it gives again what they had before.
	Behind bool
	// Settle is how long the histories and streams may take to have all that they will have; settleTimeout if zero.
	Settle time.Duration
	// Judge gives the faults of a report; [Report.Faults] if nil.
	Judge func(Report) []string
}

func (o Options) faults(r Report) []string {
	if o.Judge != nil {
		return o.Judge(r)
	}
	return r.Faults(o)
}

// End ends the sending, and gives the report once there is no fault in it and nothing more comes, or when what is late counts as lost.
func (w *Traffic) End(t *testing.T, options Options) Report {
	t.Helper()
	w.end()
	before := ""
	for end := time.Now().Add(cmp.Or(options.Settle, settleTimeout)); ; Wait(time.Second) {
		err := w.look(t)
		now := w.report.String()
		if err == nil && now == before && len(options.faults(w.report)) == 0 {
			return w.report
		}
		if time.Now().After(end) {
			if err != nil {
				t.Fatal(err)
			}
			return w.report
		}
		before = now
	}
}

// look reads the histories and what the streams have had.
func (w *Traffic) look(t *testing.T) error {
	t.Helper()
	for _, room := range w.rooms {
		stored, err := w.people[0].History(t.Context(), room)
		if err != nil { // what was harmed may not be back
			return fmt.Errorf("read the history: %w", err)
		}
		w.report.History[room] = messages(t, stored)
	}
	for i, listener := range w.listeners {
		// What an earlier test left under way may come now.
		w.report.Streams[w.people[i].Name] = slices.DeleteFunc(deliveries(t, listener.Events()), func(d Delivery) bool {
			return d.Resync == "" && !slices.Contains(w.rooms, d.Message.Room)
		})
	}
	return nil
}

// Verify is End, and fails the test with all that is not as it was said to be.
func (w *Traffic) Verify(t *testing.T, options Options) Report {
	t.Helper()
	report := w.End(t, options)
	for _, fault := range options.faults(report) {
		t.Error(fault)
	}
	t.Log(report)
	if len(report.Acknowledged) < users*5 {
		t.Errorf("only %d sends were acknowledged: there was no load", len(report.Acknowledged))
	}
	return report
}

// AwaitPreviews waits until the lists of rooms show each room's newest message.
func (w *Traffic) AwaitPreviews(t *testing.T, report Report) {
	t.Helper()
	var last error
	for end := time.Now().Add(settleTimeout); time.Now().Before(end); Wait(200 * time.Millisecond) {
		if last = w.previews(t.Context(), report); last == nil {
			return
		}
	}
	t.Error(last)
}

func (w *Traffic) previews(ctx context.Context, report Report) error {
	listed, err := w.people[0].Rooms(ctx)
	if err != nil {
		return fmt.Errorf("list the rooms: %w", err)
	}
	seen := 0
	for _, room := range listed {
		history := report.History[room.ID]
		if len(history) == 0 {
			continue
		}
		seen++
		if newest := history[len(history)-1].Text; room.LatestMessageText == nil || room.LatestMessageText.Text != newest {
			return fmt.Errorf("the list shows %v of a room whose newest message is %q", room.LatestMessageText, newest)
		}
	}
	if seen != len(w.rooms) {
		return fmt.Errorf("the list has %d of %d rooms", seen, len(w.rooms))
	}
	return nil
}

func messages(t *testing.T, stored []wire.Message) []Message {
	t.Helper()
	all := make([]Message, 0, len(stored))
	for _, m := range stored {
		all = append(all, messageOf(t, m))
	}
	return all
}

func messageOf(t *testing.T, m wire.Message) Message {
	t.Helper()
	var body wire.TextBody
	if err := json.Unmarshal(m.Body, &body); err != nil {
		t.Fatal(err)
	}
	return Message{Room: m.RoomID, ID: m.ID, Text: body.Text, Position: m.Position}
}

func deliveries(t *testing.T, events []client.StreamEvent) []Delivery {
	t.Helper()
	var all []Delivery
	for _, event := range events {
		switch event.Type {
		case "ChatMessage":
			var chat wire.ChatMessage
			if err := json.Unmarshal(event.Data, &chat); err != nil {
				t.Fatal(err)
			}
			all = append(all, Delivery{Message: messageOf(t, chat.Message)})
		case "Resync":
			var resync wire.Resync
			if err := json.Unmarshal(event.Data, &resync); err != nil {
				t.Fatal(err)
			}
			all = append(all, Delivery{Resync: resync.Reason})
		}
	}
	return all
}
