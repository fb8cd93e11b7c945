package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/client"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/realtime/internal/fanout"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp never ends the one, and the other only after ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// patience bounds every wait for an engine.
const patience = 30 * time.Second

// world is a broker, an issuer of tokens, and whoever writes to the rooms' log.
type world struct {
	brokers  []string
	embedded bool
	nodes    int // that run
	issuer   *authntest.Issuer
	bus      *bus.Bus
	producer *bus.Producer
	http     *http.Client
}

// onBothBrokers runs a test on the broker of the one-process deployment and on Kafka.
func onBothBrokers(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("embedded", func(t *testing.T) { test(t, newEmbeddedWorld(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, newWorld(t, enginetest.KafkaBrokers(t))) })
}

func newEmbeddedWorld(t *testing.T) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := newWorld(t, cluster.ListenAddrs())
	w.embedded = true
	return w
}

func newWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := &world{brokers: brokers, issuer: authntest.New(t), http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(w.http.CloseIdleConnections)
	w.bus = bus.New(busConfig(brokers), telemetry.Discard(nil))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.bus.EnsureTopics(ctx, events.TopicRooms, events.TopicDeliveries); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.producer, err = w.bus.NewProducer(bus.ProducerConfig{DeliveryTimeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.producer.Close(ctx); err != nil {
			t.Errorf("close the producer: %v", err)
		}
	})
	return w
}

func busConfig(brokers []string) bus.Config {
	return bus.Config{Brokers: brokers, ClientID: "test", SecurityProtocol: "plaintext", Replication: 1}
}

func config() realtime.Config {
	return realtime.Config{
		RingWindow: 5 * time.Minute, RingRecords: 10_000, RingBytes: 16 << 20,
		KeepAlive: 200 * time.Millisecond, WriteTimeout: 5 * time.Second, QueueEvents: 1000, QueueBytes: 1 << 20,
		MaxStreams: 1000, MaxStreamsPerUser: 1000, // gone clients are noticed late
		AudienceRooms: 1000,
	}
}

// node is a running realtime with its HTTP server.
type node struct {
	base string
	stop func()
}

// launch starts a node and does not wait.
func (w *world) launch(t *testing.T, cfg realtime.Config, tel *telemetry.Telemetry) *node {
	t.Helper()
	service, err := realtime.New(cfg, realtime.Deps{
		Telemetry: tel, Verifier: w.issuer.Verifier(t, tel), Bus: bus.New(busConfig(w.brokers), tel),
	})
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	httpCfg := httpapi.Config{
		Address: address, BodyLimit: 1 << 18, HeaderLimit: 1 << 14, ReadTimeout: time.Second, HandlerTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}
	server := httpapi.New(httpCfg, httpapi.Deps{Service: "realtime", Telemetry: tel, Checks: service.Checks(), Draining: make(chan struct{})})
	service.Routes(server.App)
	run := func(name string, part func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := part(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}()
		return func() { cancel(); <-done }
	}
	stopService := run("service", service.Run)
	stopServer := run("server", server.Run)
	w.nodes++
	n := &node{base: "http://" + address, stop: sync.OnceFunc(func() { stopServer(); stopService(); w.nodes-- })}
	t.Cleanup(n.stop)
	return n
}

// start starts a node and waits until it is ready.
func (w *world) start(t *testing.T) *node { return w.startWith(t, config(), telemetry.Discard(nil)) }

func (w *world) startWith(t *testing.T, cfg realtime.Config, tel *telemetry.Telemetry) *node {
	t.Helper()
	n := w.launch(t, cfg, tel)
	await(t, "the node to be ready", func() bool {
		response, err := w.http.Get(n.base + "/ready")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	if w.embedded && w.nodes > 1 {
		w.awaitBalance(t)
	}
	return n
}

// awaitBalance waits until the fan-outs have divided the log among them. The embedded broker, which has one process as its
// client where it is used, waits for a minute for a member that leaves before that.
func (w *world) awaitBalance(t *testing.T) {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": strings.Join(w.brokers, ",")})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	await(t, "the fan-outs to be balanced", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		described, err := admin.DescribeConsumerGroups(ctx, []string{fanout.Group})
		if err != nil {
			t.Fatal(err)
		}
		group := described.ConsumerGroupDescriptions[0]
		busy := 0
		for _, member := range group.Members {
			if len(member.Assignment.TopicPartitions) > 0 {
				busy++
			}
		}
		return group.State == kafka.ConsumerGroupStateStable && busy == w.nodes
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing was written
	return listener.Addr().String()
}

// room is a room of which a test writes the log.
type room struct {
	id      uuid.UUID
	members []events.Member
}

func newRoom(names ...string) room {
	r := room{id: uuid.New()}
	for _, name := range names {
		r.members = append(r.members, events.Member{ID: uuid.New(), DisplayName: name, JoinedAt: now(), Status: events.Joined})
	}
	return r
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (r room) audience() events.Audience {
	audience := events.Audience{Version: 1}
	for _, m := range r.members {
		audience.Users = append(audience.Users, m.ID)
	}
	return audience
}

func (w *world) write(t *testing.T, data ...events.Data) {
	t.Helper()
	var records []bus.Record
	for _, d := range data {
		headers, value, err := events.Encode(events.New("/ism/test", now(), d))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, bus.Record{Topic: d.Topic(), Key: d.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := w.producer.ProduceAll(ctx, records); err != nil {
		t.Fatalf("write to the rooms' log: %v", err)
	}
}

func (w *world) create(t *testing.T, r room, kind events.RoomType) {
	t.Helper()
	preview := events.NewRoomPreview()
	w.write(t, events.RoomCreated{
		RoomID: r.id, CreatedBy: r.members[0].ID, Members: r.members, Audience: r.audience(),
		Room: events.Room{ID: r.id, Type: kind, CreatedAt: now(), LatestMessage: now(), Unread: true, LatestMessageText: &preview},
	})
}

// post writes messages with the given texts.
func (w *world) post(t *testing.T, r room, texts ...string) {
	t.Helper()
	var all []events.Data
	for _, text := range texts {
		body, err := json.Marshal(events.TextBody{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, events.MessagePosted{
			RoomID: r.id, Preview: events.TextPreview("alice", text), Audience: r.audience(),
			Message: events.Message{RoomID: r.id, ID: uuid.New(), SenderID: r.members[0].ID, Body: body, Type: events.Text, CreatedAt: now()},
		})
	}
	w.write(t, all...)
}

func numbered(from, to int) []string {
	var texts []string
	for n := from; n < to; n++ {
		texts = append(texts, fmt.Sprint(n))
	}
	return texts
}

func (w *world) open(t *testing.T, n *node, user events.Member, lastEventID string) *client.Stream {
	t.Helper()
	return w.openWith(t, n, w.issuer.Token(t, user.ID, user.DisplayName), lastEventID)
}

func (w *world) openWith(t *testing.T, n *node, token, lastEventID string) *client.Stream {
	t.Helper()
	stream, err := w.dial(t.Context(), n, token, lastEventID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	return stream
}

func (w *world) dial(ctx context.Context, n *node, token, lastEventID string) (*client.Stream, error) {
	return client.New(n.base, w.http, client.Token(token)).Stream(ctx, lastEventID)
}

func next(t *testing.T, stream *client.Stream) client.StreamEvent {
	t.Helper()
	timer := time.AfterFunc(patience, stream.Close)
	defer timer.Stop()
	event, err := stream.Next()
	if err != nil {
		t.Fatalf("read the stream: %v", err)
	}
	return event
}

func textOf(event client.StreamEvent) (string, error) {
	var chat events.ChatMessage
	var body events.TextBody
	if err := json.Unmarshal(event.Data, &chat); err != nil || chat.Type != "ChatMessage" {
		return "", fmt.Errorf("%s is no message: %w", event.Data, err)
	}
	if err := json.Unmarshal(chat.Message.Body, &body); err != nil {
		return "", err
	}
	return body.Text, nil
}

// expect reads messages with the given texts, and gives the events' ids.
func expect(t *testing.T, stream *client.Stream, texts ...string) []string {
	t.Helper()
	ids, err := read(stream, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func read(stream *client.Stream, texts ...string) (ids []string, err error) {
	timer := time.AfterFunc(patience, stream.Close)
	defer timer.Stop()
	for _, want := range texts {
		event, err := stream.Next()
		if err != nil {
			return nil, fmt.Errorf("wait for message %.40q: %w", want, err)
		}
		got, err := textOf(event)
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("got message %.40q, want %.40q", got, want)
		}
		ids = append(ids, event.ID)
	}
	return ids, nil
}

// end reads the stream to its end, of which it expects no more events.
func end(t *testing.T, stream *client.Stream) {
	t.Helper()
	timer := time.AfterFunc(patience, stream.Close)
	defer timer.Stop()
	if event, err := stream.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream does not end but has %s, %v", event.Data, err)
	}
}

// await polls until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (w *world) get(t *testing.T, address string, header map[string]string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := w.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return response, ""
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
