package crash

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	hookedRooms = 4
	// rescued is how long what a dead process was sending may wait until it is sent again: 75 s, the half minute between two looks, and a busy machine.
	rescued = 3 * time.Minute
	// slowest is the pace that a busy machine keeps, webhooks a second.
	slowest = 10
)

// deaths are how many webhooks are sent, and how often the process is killed meanwhile. Each time costs some ninety seconds, see rescued, so more than once is
// for who asks for it.
func deaths() (webhooks, kills int) {
	if n, err := strconv.Atoi(os.Getenv("ISM_TEST_LONG_WEBHOOKS")); err == nil {
		return n, 5
	}
	return 600, 1
}

// arrival is a webhook that has come.
type arrival struct {
	webhook, event, room, message uuid.UUID
}

// receiver is a backend's, with an endpoint for each path. It answers none while it is held.
type receiver struct {
	secrets map[string]string // by path

	mu     sync.Mutex
	came   map[string][]arrival // by path
	faults []string
	total  int
	holdAt int           // of how many it holds the answer; 0: none
	held   chan struct{} // closed once it does
	free   chan struct{} // closed when it may go on
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // its sender has died
	}
	came, fault := r.read(request, body)
	r.mu.Lock()
	if fault != nil {
		r.faults = append(r.faults, fmt.Sprintf("%v: %s", fault, body))
	}
	r.came[request.URL.Path] = append(r.came[request.URL.Path], came)
	if r.total++; r.total == r.holdAt {
		close(r.held)
	}
	wait := r.free
	if r.holdAt == 0 || r.total < r.holdAt {
		wait = nil
	}
	r.mu.Unlock()
	if wait != nil {
		<-wait
	}
	w.WriteHeader(http.StatusNoContent)
}

// read verifies a webhook.
func (r *receiver) read(request *http.Request, body []byte) (arrival, error) {
	verifier, err := standardwebhooks.NewWebhook(r.secrets[request.URL.Path])
	if err != nil {
		return arrival{}, err
	}
	if err := verifier.Verify(body, request.Header); err != nil {
		return arrival{}, err
	}
	id, err := uuid.Parse(request.Header.Get("webhook-id"))
	if err != nil {
		return arrival{}, err
	}
	var event struct {
		ID   uuid.UUID
		Data struct{ Message wire.Message }
	}
	err = json.Unmarshal(body, &event)
	return arrival{id, event.ID, event.Data.Message.RoomID, event.Data.Message.ID}, err
}

// hold has the answers to what comes from now on wait, once so many have come in all, until the function that it gives is called.
func (r *receiver) hold(total int) (held <-chan struct{}, goOn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holdAt, r.held, r.free = max(total, r.total+1), make(chan struct{}), make(chan struct{})
	free := r.free
	return r.held, sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.holdAt = 0
		close(free)
	})
}

// at gives what has come to a path.
func (r *receiver) at(path string) []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.came[path])
}

// missing counts the messages that have not come to a path.
func (r *receiver) missing(path string, sent map[uuid.UUID][]uuid.UUID) (n int) {
	came := map[uuid.UUID]bool{}
	for _, one := range r.at(path) {
		came[one.message] = true
	}
	for _, messages := range sent {
		for _, message := range messages {
			if !came[message] {
				n++
			}
		}
	}
	return n
}

// webhooksSurvive kills the process that sends webhooks while it waits for answers: each message comes to each endpoint, always with the same id, and to the
// ordered one in its room's order.
func webhooksSurvive(t *testing.T, d *deployment.Deployment) {
	const ordered, unordered = "/ordered", "/unordered"
	webhooks, kills := deaths()
	r := &receiver{secrets: map[string]string{}, came: map[string][]arrival{}}
	server := httptest.NewServer(r)
	defer server.Close()
	rooms := roomsWithHooks(t, d, r, map[string]client.NewWebhook{
		ordered:   {URL: server.URL + ordered, Ordered: true},
		unordered: {URL: server.URL + unordered, Concurrency: 20},
	})
	each := webhooks / 2 / hookedRooms
	sent := sendToEach(t, d, rooms, each)
	for kill := range kills {
		held, goOn := r.hold(webhooks * (kill + 1) / (kills + 1))
		defer goOn()
		select {
		case <-held:
		case <-time.After(rescued + time.Duration(webhooks/slowest)*time.Second):
			t.Fatalf("%d webhooks have not come: missing are %d and %d", r.holdAt, r.missing(ordered, sent), r.missing(unordered, sent))
		}
		d.Kill(t, "notifications")
		goOn()
		d.Restart(t, "notifications")
	}
	for end := time.Now().Add(rescued + time.Duration(webhooks/slowest)*time.Second); r.missing(ordered, sent)+r.missing(unordered, sent) > 0; <-time.After(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d and %d of %d webhooks are forgotten", r.missing(ordered, sent), r.missing(unordered, sent), each*hookedRooms)
		}
	}
	for _, fault := range r.faults {
		t.Error(fault)
	}
	again := 0
	for _, path := range []string{ordered, unordered} {
		again += verify(t, path, r.at(path), sent)
	}
	for _, room := range rooms {
		if got := order(r.at(ordered), room); !slices.Equal(got, sent[room]) {
			t.Errorf("of room %s came to the ordered endpoint %v, want %v", room, got, sent[room])
		}
	}
	if t.Logf("of %d webhooks %d came again, the process was killed %d times", webhooks, again, kills); again < kills {
		t.Errorf("%d webhooks came again of those that were under way when the process was killed", again)
	}
}

// roomsWithHooks makes rooms, and webhooks of their messages. It returns once each gets them: the first one of an installation reads the whole log before.
func roomsWithHooks(t *testing.T, d *deployment.Deployment, r *receiver, hooks map[string]client.NewWebhook) (rooms []uuid.UUID) {
	t.Helper()
	alice, bob, backend := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.Backend(t)
	for i := range hookedRooms {
		room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: fmt.Sprintf("Hooks %d", i), Invited: []uuid.UUID{alice.ID, bob.ID}})
		if err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, room.ID)
	}
	for path, hook := range hooks {
		hook.Types, hook.Rooms = []string{"dev.ism.message.created"}, rooms
		made, err := backend.CreateWebhook(t.Context(), hook)
		if err != nil {
			t.Fatalf("make a webhook: %v", err)
		}
		r.secrets[path] = made.Secret
	}
	return rooms
}

// sendToEach sends so many messages to each room, one after the other, and gives their ids by room.
func sendToEach(t *testing.T, d *deployment.Deployment, rooms []uuid.UUID, each int) map[uuid.UUID][]uuid.UUID {
	t.Helper()
	alice := d.SignIn(t, "alice")
	all := make([][]uuid.UUID, len(rooms))
	var senders sync.WaitGroup
	for i, room := range rooms {
		senders.Go(func() {
			for n := range each {
				message, err := alice.SendText(t.Context(), room, strconv.Itoa(n))
				if err != nil {
					t.Errorf("send: %v", err)
					return
				}
				all[i] = append(all[i], message.ID)
			}
		})
	}
	senders.Wait()
	sent := map[uuid.UUID][]uuid.UUID{}
	for i, room := range rooms {
		sent[room] = all[i]
	}
	return sent
}

// verify finds what came to a path under several ids, or was never sent, and counts what came again.
func verify(t *testing.T, path string, came []arrival, sent map[uuid.UUID][]uuid.UUID) (again int) {
	t.Helper()
	ids := map[uuid.UUID]uuid.UUID{} // by message
	for _, one := range came {
		first, known := ids[one.message]
		switch {
		case !slices.Contains(sent[one.room], one.message):
			t.Errorf("%s: %v was never sent", path, one)
		case one.webhook != one.event:
			t.Errorf("%s: webhook-id is %s, the event's id %s", path, one.webhook, one.event)
		case known && first != one.webhook:
			t.Errorf("%s: a message came as %s and as %s", path, first, one.webhook)
		case known:
			again++
		}
		ids[one.message] = one.webhook
	}
	return again
}

// order gives the messages of a room as they came, each that came several times in a row once.
func order(came []arrival, room uuid.UUID) (messages []uuid.UUID) {
	for _, one := range came {
		if one.room == room {
			messages = append(messages, one.message)
		}
	}
	return slices.Compact(messages)
}
