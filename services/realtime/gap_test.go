package realtime_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// told reads the next event, which has to be a Resync.
func told(t *testing.T, stream *client.Stream, reason string) {
	t.Helper()
	event := next(t, stream)
	var resync wire.Resync
	if err := json.Unmarshal(event.Data, &resync); err != nil || resync.Type != "Resync" || resync.Reason != reason {
		t.Fatalf("the stream has %s, want a Resync, reason %s", event.Data, reason)
	}
}

func (w *world) poll(t *testing.T, n *node, token, id string) wire.Poll {
	t.Helper()
	response, body := w.do(t, http.MethodGet, n.base+"/api/poll?timeout=50&last_event_id="+url.QueryEscape(id), token)
	var answer wire.Poll
	if err := json.Unmarshal([]byte(body), &answer); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	return answer
}

// A record that an edge could not read was passed over: its clients never heard that they lack something.
func TestWhatCannotBeReadIsAnnounced(t *testing.T) {
	w := newEmbeddedWorld(t)
	nodes := []*node{w.start(t), w.start(t)}
	r := newRoom("alice", "bob")
	alice, bob := w.issuer.Token(t, r.members[0].ID, "alice"), w.issuer.Token(t, r.members[1].ID, "bob")
	stream := w.openWith(t, nodes[0], alice, "")
	w.post(t, r, "before")
	ids := expect(t, stream, "before")
	var polling sync.WaitGroup
	var polled wire.Poll
	polling.Go(func() { polled = w.poll(t, nodes[1], bob, ids[0]) })
	broken := bus.Record{
		Topic: events.TopicRooms, Key: "nobody's", Value: []byte("{"), Partition: bus.PartitionAny,
		Headers: map[string]string{events.HeaderType: "ism.message.posted.v1"},
	}
	if _, err := w.producer.Produce(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	told(t, stream, "unreadable-event")
	polling.Wait()
	var resync wire.Resync
	if len(polled.Events) != 1 || json.Unmarshal(polled.Events[0].Data, &resync) != nil || resync.Reason != "unreadable-event" {
		t.Errorf("the poll has %+v", polled)
	}
	w.post(t, r, "after")
	expect(t, stream, "after")
	if next := w.poll(t, nodes[0], bob, polled.LastEventID); len(next.Events) != 1 {
		t.Errorf("the next poll has %+v", next)
	}
	for _, n := range nodes {
		resumed := w.openWith(t, n, alice, ids[0])
		told(t, resumed, "unreadable-event")
		resumed.Close()
	}
	expect(t, w.openWith(t, nodes[1], bob, polled.LastEventID), "after")
}

// What a log lost was missing on open streams, and nobody heard of it.
func TestALogThatDoesNotGoOnIsAnnounced(t *testing.T) {
	broker := nodetest.Broker(t)
	w := newWorld(t, broker.ListenAddrs())
	n := w.start(t)
	r := newRoom("alice")
	stream := w.open(t, n, r.members[0], "")
	w.post(t, r, "before")
	ids := expect(t, stream, "before")
	var refused kmsg.Request // one, or the second jump would be over what is posted behind the first
	broker.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: events.TopicRooms, Err: kerr.OffsetOutOfRange, Count: -1,
		When: func(request kmsg.Request) bool {
			if refused == nil {
				refused = request
			}
			return request == refused
		},
	})
	told(t, stream, "log-jumped")
	fresh := stream.LastEventID()
	w.post(t, r, "after")
	expect(t, stream, "after")
	expect(t, w.open(t, n, r.members[0], fresh), "after")
	told(t, w.open(t, n, r.members[0], ids[0]), "log-jumped")
}

// elect has the brokers elect leaders anew, whose epochs are one more.
func (w *world) elect(t *testing.T) {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": strings.Join(w.brokers, ",")})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ElectLeaders(t.Context(), kafka.NewElectLeadersRequest(kafka.ElectionTypePreferred, nil)); err != nil {
		t.Fatal(err)
	}
}

// A node that was started after a broker had lost records resumed the ids of them as if nothing had happened.
func TestAnIDOfWhatALogHasLostIsKnownAfterARestart(t *testing.T) {
	whole, older := t.TempDir(), t.TempDir()
	broker := nodetest.Broker(t, kfake.DataDir(whole), kfake.SyncWrites())
	addresses := broker.ListenAddrs()
	_, text, _ := net.SplitHostPort(addresses[0])
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	goOn := func(dir string) *world {
		broker.Close()
		broker = nodetest.Broker(t, kfake.DataDir(dir), kfake.SyncWrites(), kfake.Ports(port))
		return newWorld(t, addresses)
	}
	r := newRoom("alice")
	newWorld(t, addresses).post(t, r, "0", "1")
	broker.Close()
	if err := os.CopyFS(older, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	before := goOn(whole)
	n := before.start(t)
	opening := openingID(t, before, n, newRoom("bob").members[0])
	stream := before.open(t, n, r.members[0], "")
	before.post(t, r, "2", "3", "4")
	ids := expect(t, stream, "2", "3", "4")
	n.stop()

	after := goOn(older)
	after.elect(t)
	after.post(t, r, "2 again", "3 again", "4 again", "5")
	again := after.start(t)
	for _, id := range ids {
		told(t, after.open(t, again, r.members[0], id), "log-jumped")
	}
	ids = expect(t, after.open(t, again, r.members[0], opening), "2 again", "3 again", "4 again", "5")
	again.stop()
	after.elect(t) // another leader, that has all of it
	after.post(t, r, "6")
	expect(t, after.open(t, after.start(t), r.members[0], ids[1]), "4 again", "5", "6")
}
