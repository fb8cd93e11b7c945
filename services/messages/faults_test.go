package messages_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

// holds waits until a room's timeline is what was sent, the newest first.
func (w *world) holds(t *testing.T, user, room uuid.UUID, sent []wire.Message) {
	t.Helper()
	servicetest.AwaitSuccess(w.tb, "the timeline has what was sent", func() error {
		_, got := w.page(user, room, "?limit=1")
		if got.Status != http.StatusOK {
			return fmt.Errorf("page: %s", got)
		}
		if n := len(w.timeline(user, room)); n < len(sent) {
			return fmt.Errorf("it has %d messages of %d", n, len(sent))
		}
		return nil
	})
	sameMessages(t, w.timeline(user, room), sent)
}

func TestASendSucceedsWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	for name, hanging := range map[string]bool{"refusing": false, "hanging": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
			room, user := w.newRoom()
			sent := []wire.Message{w.mustSend(user, room, "before")}
			w.store.set(true, hanging)
			for i := range 3 {
				begin := time.Now()
				sent = append(sent, w.mustSend(user, room, fmt.Sprintf("meanwhile %d", i)))
				if took := time.Since(begin); took > 20*time.Second { // the store hangs until the end
					t.Errorf("the send took %s", took)
				}
			}
			servicetest.AwaitSuccess(w.tb, "readiness says so", func() error {
				got := w.do(user, http.MethodGet, "/ready", nil)
				if got.Status != http.StatusServiceUnavailable || !strings.Contains(string(got.Body), `"messages-store":"unavailable"`) {
					return fmt.Errorf("GET /ready: %s", got)
				}
				return nil
			})
			if !hanging {
				_, got := w.page(user, room, "")
				if got.Status != http.StatusServiceUnavailable || got.Code() != "store-unavailable" || got.Header.Get("Retry-After") != "1" {
					t.Errorf("the timeline is %s", got)
				}
			}
			w.store.set(false, false)
			sent = append(sent, w.mustSend(user, room, "after"))
			slices.Reverse(sent)
			w.holds(t, user, room, sent)
			client := kafkaClient(t, w.brokers)
			w.caughtUp(client)
			sameMessages(t, w.timeline(user, room), sent)
		})
	}
}

// A database that another process keeps locked is an outage, too: the record must wait, not die.
func TestASendSucceedsWhileTheDatabaseIsLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqlite.New(path, slog.New(slog.DiscardHandler)))
	room, user := w.newRoom()
	unlock := lock(t, path)
	sent := w.mustSend(user, room, "meanwhile")
	if found, err := w.store.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 1); err != nil || len(found) != 0 {
		t.Fatalf("the database was not locked: %+v, %v", found, err)
	}
	if page, _ := w.page(user, room, ""); len(page) != 1 || page[0].ID != sent.ID {
		t.Errorf("the timeline is %v", texts(page))
	}
	unlock()
	w.holds(t, user, room, []wire.Message{sent})
}

// The process may die between the log's acknowledgement and the write: what it leaves is a record and nothing else.
func TestARecordThatNobodyWroteThroughIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	first := w.mustSend(user, room, "first")
	orphan := wire.Message{
		RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: user, Body: []byte(`{"text":"orphan"}`), Type: wire.Text,
		CreatedAt: wire.At(time.Now()),
	}
	produce(t, w.brokers, events.MessagePosted{
		RoomID: room, Message: orphan, Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
	})
	last := w.mustSend(user, room, "last")
	w.holds(t, user, room, []wire.Message{last, orphan, first})
}

// A service that dies with the store down, and comes back, knows nothing of what it had acknowledged: the log does.
func TestARestartedServiceWritesWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	discard := slog.New(slog.DiscardHandler)
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqlite.New(path, discard))
	room, user := w.newRoom()
	w.store.set(true, false)
	var sent []wire.Message
	for i := range 10 {
		sent = append(sent, w.mustSend(user, room, fmt.Sprintf("meanwhile %d", i)))
	}
	w.stop()
	w.store = &faulty{Store: sqlite.New(path, discard)}
	w.start()
	slices.Reverse(sent)
	w.holds(t, user, room, sent)
}

func TestReplayingTheWholeLogChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	discard := slog.New(slog.DiscardHandler)
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqlite.New(path, discard))
	rooms, users := make([]uuid.UUID, 5), make([]uuid.UUID, 5)
	var before [][]wire.Message
	for i := range rooms {
		rooms[i], users[i] = w.newRoom()
		for n := range 30 {
			w.mustSend(users[i], rooms[i], fmt.Sprintf("message %d", n))
		}
		before = append(before, w.timeline(users[i], rooms[i]))
	}
	client := kafkaClient(t, w.brokers)
	w.caughtUp(client)
	w.stop()
	forget := kmsg.NewPtrDeleteGroupsRequest()
	forget.Groups = []string{group}
	if _, err := forget.RequestWith(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	w.store = &faulty{Store: sqlite.New(path, discard)}
	w.start()
	w.caughtUp(client)
	if n := w.store.written(); n < 150 {
		t.Errorf("%d messages were written again: the log was not replayed", n)
	}
	for i := range rooms {
		sameMessages(t, w.timeline(users[i], rooms[i]), before[i])
	}
}

func TestTheHealthyPathWritesOnce(t *testing.T) {
	t.Parallel()
	const senders, each = 10, 20
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	client := kafkaClient(t, w.brokers)
	w.caughtUp(client)
	w.store.written()
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				w.send(user, room, "hello")
			}
		})
	}
	all.Wait()
	w.caughtUp(client)
	if n := w.store.written(); n != senders*each {
		t.Errorf("%d messages were written, want each of %d once", n, senders*each)
	}
	// On a busy machine a send may leave its message to the consumer group.
	known, left := counter(t, w.tel, "ism_messages_applied_total", "known"), counter(t, w.tel, "ism_messages_write_through_total", "failed")
	if known+left < senders*each {
		t.Errorf("the consumer group knew %v messages, and %v were left to it, want %d", known, left, senders*each)
	}
}

// While Kafka is away the first send is told that its outcome is unknown. Those behind it are told that they are not written, and never are;
// from when the partition stands still, at once.
func TestKafkaDownIsSaid(t *testing.T) {
	t.Parallel()
	broker := nodetest.Broker(t)
	w := newWorld(t, broker.ListenAddrs(), newSQLite(t), impatient)
	room, user := w.newRoom()
	first := w.mustSend(user, room, "first")
	w.caughtUp(kafkaClient(t, w.brokers))
	w.store.written()
	broker.Close()
	if got := w.send(user, room, "perhaps"); got.Status != http.StatusGatewayTimeout || got.Code() != "outcome-unknown" {
		t.Errorf("the first answer is %s", got)
	}
	for range 20 {
		got := w.send(user, room, "refused")
		if got.Status != http.StatusServiceUnavailable || got.Code() != "kafka-unavailable" || got.Header.Get("Retry-After") != "1" {
			t.Errorf("the answer is %s, Retry-After: %s", got, got.Header.Get("Retry-After"))
		}
	}
	if got := w.do(user, http.MethodGet, "/ready", nil); got.Status != http.StatusServiceUnavailable || !strings.Contains(string(got.Body), `"kafka-writes":"unavailable"`) {
		t.Errorf("GET /ready: %s", got)
	}
	sameMessages(t, w.timeline(user, room), []wire.Message{first})
	if n := w.store.written(); n != 0 {
		t.Errorf("%d messages were written", n)
	}
}

// A broker that hangs leaves open whether it has the message. The client is told so, and what the log has in the end is what the timeline
// has: what was unknown once at most, and nothing of what was refused.
func TestKafkaHangingIsSaid(t *testing.T) {
	t.Parallel()
	broker := nodetest.Broker(t)
	w := newWorld(t, broker.ListenAddrs(), newSQLite(t), impatient)
	room, user := w.newRoom()
	first := w.mustSend(user, room, "first")
	resume := make(chan struct{})
	broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		<-resume
		return nil, nil, false
	})
	if got := w.send(user, room, "perhaps"); got.Status != http.StatusGatewayTimeout || got.Code() != "outcome-unknown" {
		t.Errorf("the first answer is %s", got)
	}
	if got := w.send(user, room, "refused"); got.Status != http.StatusServiceUnavailable || got.Code() != "kafka-unavailable" {
		t.Errorf("the second answer is %s", got)
	}
	close(resume)
	var last wire.Message
	servicetest.AwaitSuccess(w.tb, "messages are taken in again", func() error {
		got := w.send(user, room, "last")
		if got.Status != http.StatusOK {
			return fmt.Errorf("send: %s", got)
		}
		last = message(t, got.Body)
		return nil
	})
	w.caughtUp(kafkaClient(t, w.brokers))
	inLog := inLog(t, w, room)
	slices.Reverse(inLog)
	texts := make([]string, 0, len(inLog))
	for _, m := range inLog {
		texts = append(texts, string(m.Body))
	}
	if len(inLog) != 3 || inLog[0].ID != last.ID || inLog[2].ID != first.ID || texts[1] != `{"text":"perhaps"}` {
		t.Errorf("the log has %q", texts)
	}
	w.holds(t, user, room, inLog)
}

func TestRoomsDownIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	known, member := w.newRoom()
	servicetest.AwaitSuccess(w.tb, "the members are kept", func() error { // from when the log is followed
		w.rooms.setDown(false)
		w.mustSend(member, known, "so that the members are kept")
		w.rooms.setDown(true)
		if got := w.send(member, known, "rooms is not needed for this"); got.Status != http.StatusOK {
			return fmt.Errorf("send: %s", got)
		}
		return nil
	})
	client := kafkaClient(t, w.brokers)
	before := length(t, client)
	got := w.send(user, room, "hello")
	if got.Status != http.StatusServiceUnavailable || got.Code() != "rooms-unavailable" || got.Header.Get("Retry-After") != "1" {
		t.Errorf("the answer is %s", got)
	}
	if _, got := w.page(user, room, ""); got.Status != http.StatusServiceUnavailable || got.Code() != "rooms-unavailable" {
		t.Errorf("the timeline is %s", got)
	}
	if after := length(t, client); after != before {
		t.Error("the log has grown")
	}
	w.mustSend(member, known, "nor for this")
	w.rooms.setDown(false)
	w.mustSend(user, room, "hello")
}

// Who has just joined may send at once, though the members are kept; and a version in the log ends what is kept.
func TestMembershipChangesCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	w.mustSend(user, room, "hello")
	carol := uuid.New()
	if got := w.send(carol, room, "let me in"); got.Status != http.StatusNotFound {
		t.Fatalf("an outsider's send: %s", got)
	}
	w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{carol}, Version: 2}})
	m := w.mustSend(carol, room, "here I am") // its record carries version 2
	servicetest.AwaitSuccess(w.tb, "who has left is refused", func() error {
		if got := w.send(user, room, "am I still in?"); got.Status != http.StatusNotFound {
			return fmt.Errorf("the answer is %s", got)
		}
		return nil
	})
	for _, record := range records(t, w.brokers) {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if posted, ok := event.Data.(events.MessagePosted); ok && posted.Message.ID == m.ID {
			if posted.Version != 2 || !slices.Equal(posted.Users, []uuid.UUID{carol}) || posted.Preview.SenderUsername != tokenName {
				t.Errorf("the event is %+v", posted)
			}
		}
	}
}

// produce appends events to the log, in their order, as a service does.
func produce(t *testing.T, brokers []string, all ...events.Data) {
	t.Helper()
	kafka := bus.New(bus.Config{Brokers: brokers, ClientID: "test", SecurityProtocol: "plaintext", Replication: 1}, telemetry.Discard(nil))
	t.Cleanup(kafka.Close)
	producer, err := kafka.NewProducer(bus.ProducerConfig{DeliveryTimeout: servicetest.Timeout})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range all {
		headers, value, err := events.Encode(events.New("/ism/test", time.Now(), data))
		if err != nil {
			t.Fatal(err)
		}
		record := bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny}
		if _, err := producer.Produce(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
	defer cancel()
	if err := producer.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// counter reads a counter by the value of its one label.
func counter(t *testing.T, tel *telemetry.Telemetry, name, label string) float64 {
	t.Helper()
	families, err := prometheus.Gatherers{tel.Metrics}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if len(metric.GetLabel()) == 1 && metric.GetLabel()[0].GetValue() == label {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// lock keeps a SQLite database locked for writing, as another process would.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connection.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := connection.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
