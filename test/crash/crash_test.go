// Package crash kills the messenger's processes while users chat, and compares what was acknowledged, delivered and stored.
package crash

import (
	"context"
	"encoding/json"
	"fmt"
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
	calm         = 2 * time.Second // between one crash and the next
	down         = 500 * time.Millisecond
)

func TestOneProcess(t *testing.T) {
	d := deployment.OneProcess(t)
	survives(t, d, []string{"ism", "ism"}, killed(d))
}

func TestFiveProcesses(t *testing.T) {
	d := deployment.FiveProcesses(t)
	survives(t, d, []string{"messages", "realtime", "rooms", "notifications", "media", "messages", "realtime"}, killed(d))
}

// killed ends a process as a crash would, and starts it again after a while.
func killed(d *deployment.Deployment) func(t testing.TB, victim string) {
	return func(t testing.TB, victim string) {
		t.Helper()
		d.Kill(t, victim)
		wait(down)
		d.Restart(t, victim)
	}
}

// survives has each of the given processes harmed in turn, while all users send and listen.
func survives(t *testing.T, d *deployment.Deployment, victims []string, harm func(t testing.TB, victim string)) {
	var people []*deployment.User
	for i := range users {
		people = append(people, d.SignIn(t, fmt.Sprintf("u%02d", i+1)))
	}
	var all []uuid.UUID
	for _, user := range people {
		all = append(all, user.ID)
	}
	var chatRooms []uuid.UUID
	for i := range rooms {
		room, err := people[0].CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: fmt.Sprintf("Crash %d", i), Invited: all})
		if err != nil {
			t.Fatalf("create a room: %v", err)
		}
		chatRooms = append(chatRooms, room.ID)
	}
	var listeners []*deployment.Listener
	for _, user := range people {
		listeners = append(listeners, user.Listen(t))
	}

	sending, stop := context.WithCancel(t.Context())
	defer stop()
	journal := &journal{acknowledged: map[uuid.UUID][]uuid.UUID{}}
	var senders sync.WaitGroup
	for i, user := range people {
		senders.Go(func() { journal.chat(sending, user, chatRooms[i%rooms]) })
	}
	wait(calm)
	for _, victim := range victims {
		begun := time.Now()
		harm(t, victim)
		t.Logf("%s was harmed and is ready again after %.1f s", victim, time.Since(begun).Seconds())
		wait(calm)
	}
	stop()
	senders.Wait()
	verify(t, people, listeners, chatRooms, journal)
}

// wait lets the load run for a while: it is what the test does, not what it waits for.
func wait(d time.Duration) { <-time.After(d) }

// journal is what the senders know: the messages whose sending was acknowledged, by room.
type journal struct {
	mu           sync.Mutex
	acknowledged map[uuid.UUID][]uuid.UUID
	failed       int
}

// chat sends a message again and again. A send that fails is not repeated: whether it was written is unknown.
func (j *journal) chat(ctx context.Context, user *deployment.User, room uuid.UUID) {
	tick := time.NewTicker(sendInterval)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// A send under way is not cut off at the end: its answer counts.
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		message, err := user.SendText(call, room, fmt.Sprintf("%s %d", user.Name, i))
		cancel()
		j.mu.Lock()
		if err == nil {
			j.acknowledged[room] = append(j.acknowledged[room], message.ID)
		} else {
			j.failed++
		}
		j.mu.Unlock()
	}
}

func verify(t *testing.T, people []*deployment.User, listeners []*deployment.Listener, chatRooms []uuid.UUID, journal *journal) {
	t.Helper()
	total := 0
	for _, room := range chatRooms {
		stored := settle(t, people[0], room, journal.acknowledged[room])
		noneTwice(t, "the history", stored)
		total += len(stored)
		for i, listener := range listeners {
			who := "the stream of " + people[i].Name
			live := listener.Await(t, 3*time.Minute, "all that is in the history", func(seen []client.StreamEvent) bool {
				return len(deployment.Messages(t, seen, room)) >= len(stored)
			})
			var delivered []wire.Message
			for _, chat := range deployment.Messages(t, live, room) {
				delivered = append(delivered, chat.Message)
			}
			noneTwice(t, who, delivered)
			if !slices.EqualFunc(delivered, stored, func(a, b wire.Message) bool { return a.ID == b.ID }) {
				t.Errorf("%s has %d messages, not in the order of the %d in the history", who, len(delivered), len(stored))
			}
			for _, event := range live {
				if event.Type == "Resync" {
					t.Errorf("%s had to resync: %s", who, event.Data)
				}
			}
		}
	}
	acknowledged := 0
	for _, of := range journal.acknowledged {
		acknowledged += len(of)
	}
	t.Logf("%d sends acknowledged, %d failed while something was down; %d messages stored, each delivered once to %d streams, in order",
		acknowledged, journal.failed, total, len(listeners))
	if journal.failed == 0 {
		t.Log("no send failed: the crashes fell between the sends")
	}
	if acknowledged < users*10 {
		t.Errorf("only %d sends were acknowledged: there was no load", acknowledged)
	}
}

// settle gives a room's history, oldest first, once all that was acknowledged is in it and it has stopped growing.
func settle(t *testing.T, reader *deployment.User, room uuid.UUID, acknowledged []uuid.UUID) []wire.Message {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	var before int
	for {
		stored, err := reader.History(t.Context(), room)
		if err != nil {
			t.Fatalf("read the history: %v", err)
		}
		present := make(map[uuid.UUID]bool, len(stored))
		for _, m := range stored {
			present[m.ID] = true
		}
		missing := 0
		for _, id := range acknowledged {
			if !present[id] {
				missing++
			}
		}
		if missing == 0 && len(stored) == before {
			return stored
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d acknowledged messages are not in the history", missing, len(acknowledged))
		}
		before = len(stored)
		wait(time.Second)
	}
}

func noneTwice(t *testing.T, where string, messages []wire.Message) {
	t.Helper()
	byID, byText := map[uuid.UUID]bool{}, map[string]bool{}
	for _, m := range messages {
		var body wire.TextBody
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		if byID[m.ID] || byText[body.Text] {
			t.Errorf("%s has message %s (%q) twice", where, m.ID, body.Text)
		}
		byID[m.ID], byText[body.Text] = true, true
	}
}
