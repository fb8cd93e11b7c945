package realtime_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// do makes a request with a token, and reads the answer unless it is a stream.
func (w *world) do(t *testing.T, method, address, token string) (*http.Response, string) {
	t.Helper()
	return w.request(t, method, address, map[string]string{"Authorization": "Bearer " + token})
}

func (w *world) ticket(t *testing.T, n *node, token string) string {
	t.Helper()
	response, body := w.do(t, http.MethodPost, n.base+"/api/sse/ticket", token)
	var ticket wire.StreamTicket
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || response.StatusCode != http.StatusCreated || ticket.Ticket == "" {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	if left := time.Until(ticket.ExpiresAt.Time); left > 30*time.Second || left < 5*time.Second {
		t.Errorf("it is good for %v", left)
	}
	return ticket.Ticket
}

// withTicket opens a stream as a browser's EventSource does.
func (w *world) withTicket(t *testing.T, n *node, ticket, lastEventID string) raw {
	t.Helper()
	at := *n
	at.base += "/api/sse?ticket=" + url.QueryEscape(ticket) + "&last_event_id=" + url.QueryEscape(lastEventID)
	return rawRequest(t, &at, nil)
}

func TestATicketOpensOneStreamAtAnyNode(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		a, b := w.start(t), w.start(t)
		r := newRoom("alice")
		token := w.issuer.Token(t, r.members[0].ID, "alice")
		stream := w.open(t, a, r.members[0], "")
		w.post(t, r, "0", "1")
		ids := expect(t, stream, "0", "1")
		for _, n := range []*node{a, b} {
			ticket := w.ticket(t, a, token)
			found := false
			for line := range w.withTicket(t, n, ticket, ids[0]).lines(t) {
				if found = strings.Contains(line, `"text":"1"`); found {
					break
				}
			}
			if !found {
				t.Error("the stream does not resume")
			}
			for _, again := range []*node{a, b} {
				response, body := w.get(t, again.base+"/api/sse?ticket="+ticket, nil)
				if response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"invalid-ticket"`) {
					t.Errorf("once more: %d %s", response.StatusCode, body)
				}
			}
		}
	})
}

func TestOfManyWhoShowATicketOneGetsIn(t *testing.T) {
	w := newEmbeddedWorld(t)
	nodes := []*node{w.start(t), w.start(t)}
	ticket := w.ticket(t, nodes[0], w.issuer.Token(t, uuid.New(), "alice"))
	var in atomic.Int32
	var work sync.WaitGroup
	for i := range 10 {
		work.Go(func() {
			if response, _ := w.get(t, nodes[i%2].base+"/api/sse?ticket="+ticket, nil); response.StatusCode == http.StatusOK {
				in.Add(1)
			}
		})
	}
	work.Wait()
	if in.Load() != 1 {
		t.Errorf("%d got in", in.Load())
	}
}

func TestWhatIsNoTicketOpensNothing(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	token := w.issuer.Token(t, uuid.New(), "alice")
	for _, ticket := range []string{"", "x", token, strings.Repeat("A", 43)} {
		// A token beside it does not count: who sends a ticket means it.
		response, body := w.do(t, http.MethodGet, n.base+"/api/sse?ticket="+ticket, token)
		if response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"invalid-ticket"`) {
			t.Errorf("%.20q: %d %s", ticket, response.StatusCode, body)
		}
	}
	if response, body := w.request(t, http.MethodPost, n.base+"/api/sse/ticket", nil); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a ticket without a token: %d %s", response.StatusCode, body)
	}
	for range 20 {
		w.ticket(t, n, token)
	}
	servicetest.Await(t, "the limit", func() bool {
		response, body := w.do(t, http.MethodPost, n.base+"/api/sse/ticket", token)
		return response.StatusCode == http.StatusTooManyRequests && strings.Contains(body, `"too-many-tickets"`)
	})
}

// A node that cannot write takes no tickets and disconnects nobody: whoever asks must hear it, and so must a balancer.
func TestKafkaThatTakesNoWritesIsSaid(t *testing.T) {
	broker := nodetest.Broker(t)
	w := newWorld(t, broker.ListenAddrs())
	n := w.start(t)
	full := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1})
	writes := func(result string) func() bool {
		return func() bool {
			response, body := w.get(t, n.base+"/ready", nil)
			return strings.Contains(body, `"kafka-writes":"`+result+`"`) && strings.Contains(body, `"logs":"ok"`) && (response.StatusCode == http.StatusOK) == (result == "ok")
		}
	}
	token := w.issuer.Token(t, uuid.New(), "alice")
	for what, request := range map[string]func() (*http.Response, string){
		"a ticket":   func() (*http.Response, string) { return w.do(t, http.MethodPost, n.base+"/api/sse/ticket", token) },
		"disconnect": func() (*http.Response, string) { return w.disconnect(t, n, uuid.New()) },
	} {
		if response, body := request(); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"kafka-unavailable"`) {
			t.Errorf("%s: %d %s", what, response.StatusCode, body)
		}
	}
	servicetest.Await(t, "it is not ready", writes("unavailable"))
	full.Remove()
	servicetest.Await(t, "it is ready", writes("ok"))
	servicetest.Await(t, "it gives tickets", func() bool {
		response, _ := w.do(t, http.MethodPost, n.base+"/api/sse/ticket", token)
		return response.StatusCode == http.StatusCreated
	})
}

// disconnect asks for a user's disconnection, as a backend.
func (w *world) disconnect(t *testing.T, n *node, user uuid.UUID) (*http.Response, string) {
	t.Helper()
	claims := w.issuer.Claims(uuid.New(), "backend")
	claims["scope"] = "ism-admin"
	return w.do(t, http.MethodPost, n.base+"/api/admin/users/"+user.String()+"/disconnect", w.issuer.Sign(t, claims))
}

// Where the log of edges does not go on, nobody knows which tickets are used and which streams were to end.
func TestBehindAJumpOfTheEdgesLogTicketsAreVoidAndStreamsComeBack(t *testing.T) {
	broker := nodetest.Broker(t)
	w := newWorld(t, broker.ListenAddrs())
	n := w.start(t)
	r := newRoom("alice")
	token := w.issuer.Token(t, r.members[0].ID, "alice")
	stream := w.open(t, n, r.members[0], "")
	ticket := w.ticket(t, n, token)
	if response, body := w.disconnect(t, n, uuid.New()); response.StatusCode != http.StatusNoContent { // what stands before it is read
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	var refused kmsg.Request
	broker.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: events.TopicEdges, Err: kerr.OffsetOutOfRange, Count: -1,
		When: func(request kmsg.Request) bool {
			if refused == nil {
				refused = request
			}
			return request == refused
		},
	})
	told(t, stream, "log-jumped") // no end shows which log it was
	end(t, stream)
	if response, body := w.get(t, n.base+"/api/sse?ticket="+ticket, nil); response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"invalid-ticket"`) {
		t.Errorf("a ticket from before: %d %s", response.StatusCode, body)
	}
	w.post(t, r, "after")
	expect(t, w.open(t, n, r.members[0], stream.LastEventID()), "after")
	if response, _ := w.get(t, n.base+"/api/sse?ticket="+w.ticket(t, n, token), nil); response.StatusCode != http.StatusOK {
		t.Errorf("a ticket from after: %d", response.StatusCode)
	}
}

func TestATicketsStreamEndsWithItsToken(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	claims := w.issuer.Claims(uuid.New(), "alice")
	expires := time.Now().Add(4 * time.Second).Truncate(time.Second)
	claims["exp"] = expires.Unix()
	for range w.withTicket(t, n, w.ticket(t, n, w.issuer.Sign(t, claims)), "").lines(t) {
	}
	if late := time.Since(expires); late < 0 || late > servicetest.Timeout {
		t.Errorf("it ended %v after the token", late)
	}
}

func TestDisconnectEndsAUsersStreamsAtAllNodes(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		a, b := w.start(t), w.start(t)
		r := newRoom("alice", "bob")
		atA, atB, ofBob := w.open(t, a, r.members[0], ""), w.open(t, b, r.members[0], ""), w.open(t, b, r.members[1], "")
		path := "/api/admin/users/" + r.members[0].ID.String() + "/disconnect"
		if response, body := w.do(t, http.MethodPost, a.base+path, w.issuer.Token(t, uuid.New(), "mallory")); response.StatusCode != http.StatusForbidden {
			t.Errorf("without the role: %d %s", response.StatusCode, body)
		}
		claims := w.issuer.Claims(uuid.New(), "backend")
		claims["scope"] = "ism-admin"
		backend := w.issuer.Sign(t, claims)
		if response, body := w.do(t, http.MethodPost, a.base+"/api/admin/users/7/disconnect", backend); response.StatusCode != http.StatusBadRequest {
			t.Errorf("no id: %d %s", response.StatusCode, body)
		}
		w.post(t, r, "before")
		for _, stream := range []*client.Stream{atA, atB, ofBob} {
			expect(t, stream, "before")
		}
		if response, body := w.disconnect(t, a, r.members[0].ID); response.StatusCode != http.StatusNoContent {
			t.Fatalf("%d %s", response.StatusCode, body)
		}
		for _, stream := range []*client.Stream{atA, atB} {
			ended(t, stream, "disconnected")
		}
		w.post(t, r, "after")
		expect(t, ofBob, "after")
		expect(t, w.open(t, b, r.members[0], atA.LastEventID()), "after")
	})
}

func TestPollsAndStreamsAreOneSequence(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		nodes := []*node{w.start(t), w.start(t)}
		r := newRoom("alice", "bob")
		token := w.issuer.Token(t, r.members[0].ID, "alice")
		poll := func(n *node, id, timeout string) wire.Poll {
			t.Helper()
			response, body := w.do(t, http.MethodGet, n.base+"/api/poll?last_event_id="+url.QueryEscape(id)+"&timeout="+timeout, token)
			var answer wire.Poll
			if err := json.Unmarshal([]byte(body), &answer); err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", response.StatusCode, body)
			}
			return answer
		}
		begin := poll(nodes[0], "", "30")
		if begin.LastEventID == "" || len(begin.Events) != 0 {
			t.Fatalf("it begins with %+v", begin)
		}
		if quiet := poll(nodes[1], begin.LastEventID, "0"); len(quiet.Events) != 0 {
			t.Errorf("nothing has happened, and %+v", quiet)
		}
		const messages = 1200 // more than one answer has
		var posting sync.WaitGroup
		posting.Go(func() {
			for i := 0; i < messages; i += 100 {
				w.post(t, r, numbered(i, i+100)...)
			}
		})
		defer posting.Wait() // what has come may not be acknowledged yet
		var got []string
		id := begin.LastEventID
		for i := 0; len(got) < messages; i++ {
			answer := poll(nodes[i%2], id, "20")
			for _, event := range answer.Events {
				text, err := textOf(client.StreamEvent{Data: event.Data})
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, text)
			}
			id = answer.LastEventID
			if len(answer.Events) == 0 {
				t.Fatalf("nothing came in 20 s, after %d", len(got))
			}
			if i%3 == 2 && len(got) < messages { // a stream in between
				stream := w.open(t, nodes[(i+1)%2], r.members[0], id)
				expect(t, stream, numbered(len(got), len(got)+1)...)
				got, id = append(got, "seen on a stream"), stream.LastEventID()
				stream.Close()
			}
		}
		for i, text := range got {
			if text != "seen on a stream" && text != numbered(i, i+1)[0] {
				t.Fatalf("message %d is %s", i, text)
			}
		}
		if again := poll(nodes[0], "nonsense!", "20"); len(again.Events) != 1 || !strings.Contains(string(again.Events[0].Data), `"Resync"`) {
			t.Errorf("behind what is no id: %+v", again)
		}
	})
}

func TestPollsAreLimitedAndEndWithTheProcess(t *testing.T) {
	w := newEmbeddedWorld(t)
	cfg := config()
	cfg.MaxPolls = 1
	draining := make(chan struct{})
	n := w.launchDraining(t, cfg, telemetry.Discard(nil), draining)
	w.awaitReady(t, n)
	token := w.issuer.Token(t, uuid.New(), "alice")
	// So many seconds are 290 ms where nanoseconds overflow.
	const overflowing = "18446744074"
	for _, timeout := range []string{"", "x", "-1", "51", "1.5", "1e9", overflowing} {
		if response, body := w.do(t, http.MethodGet, n.base+"/api/poll?timeout="+timeout, token); response.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("timeout %s: %d %s", timeout, response.StatusCode, body)
		}
	}
	_, body := w.do(t, http.MethodGet, n.base+"/api/poll", token)
	var begin wire.Poll
	if err := json.Unmarshal([]byte(body), &begin); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan string)
	go func() {
		_, body := w.do(t, http.MethodGet, n.base+"/api/poll?timeout=50&last_event_id="+url.QueryEscape(begin.LastEventID), token)
		waiting <- body
	}()
	servicetest.Await(t, "the limit", func() bool {
		response, body := w.do(t, http.MethodGet, n.base+"/api/poll?timeout=0&last_event_id="+url.QueryEscape(begin.LastEventID), token)
		return response.StatusCode == http.StatusServiceUnavailable && strings.Contains(body, `"too-many-streams"`)
	})
	close(draining)
	if body := <-waiting; !strings.Contains(body, `"events":[]`) {
		t.Errorf("the poll ends with %s", body)
	}
}

// online reads who is online, until the condition holds.
func (w *world) awaitOnline(t *testing.T, what string, holds func(online map[uuid.UUID]map[uuid.UUID]bool, alive map[uuid.UUID]time.Time) bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer stop()
	online, alive, found := map[uuid.UUID]map[uuid.UUID]bool{}, map[uuid.UUID]time.Time{}, false
	reader, err := w.bus.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicOnline}, Since: time.Now().Add(-time.Hour), MaxBatch: 100,
		Handler: func(_ context.Context, records []bus.Record) error {
			for _, record := range records {
				event, err := events.Decode(record.Headers, record.Value)
				if err != nil {
					return err
				}
				switch data := event.Data.(type) {
				case events.PresenceChanged:
					if online[data.UserID] == nil {
						online[data.UserID] = map[uuid.UUID]bool{}
					}
					online[data.UserID][data.EdgeID] = data.Online
				case events.EdgeAlive:
					alive[data.EdgeID] = data.Until.Time
				}
			}
			if holds(online, alive) {
				found = true
				stop()
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Fatalf("waited in vain until %s", what)
	}
}

func TestWhoIsOnlineIsTold(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		n := w.start(t)
		alice := newRoom("alice").members[0]
		stream := w.open(t, n, alice, "")
		var edge uuid.UUID
		w.awaitOnline(t, "alice is online", func(online map[uuid.UUID]map[uuid.UUID]bool, alive map[uuid.UUID]time.Time) bool {
			for id, is := range online[alice.ID] {
				edge = id
				return is && alive[id].After(time.Now())
			}
			return false
		})
		n.stop()
		end(t, stream)
		w.awaitOnline(t, "the edge has stopped", func(_ map[uuid.UUID]map[uuid.UUID]bool, alive map[uuid.UUID]time.Time) bool {
			return !alive[edge].IsZero() && !alive[edge].After(time.Now())
		})
	})
}
