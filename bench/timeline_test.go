package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/bench/resources"
	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

var (
	longTimeline = flag.Bool("timeline", false, "run BenchmarkTimeline, which fills a room with -messages first")
	manyMessages = flag.Int("messages", 1_000_000, "messages of the room in BenchmarkTimeline")
)

const (
	pagesASecond = 200
	fillers      = 64 // messages that are sent at once
)

// BenchmarkTimeline measures pages of 50 of a room that has had a million messages in five days, through the gateway: its newest, those at any time, and
// those around any message. The messages come by the log, so it also tells how fast the consumer group heals.
func BenchmarkTimeline(b *testing.B) {
	if !*longTimeline {
		b.Skip("-timeline runs it")
	}
	issuer := authntest.New(b)
	d := deployment.FiveProcesses(b, deployment.Settings{"ISM_OIDC_ISSUER": issuer.URL, "ISM_OTLP_ENDPOINT": "", "ISM_LOG_LEVEL": "warn", "ISM_HTTP_RATE_REQUESTS": "0"})
	m := &timelineBench{
		caller: newCaller(), base: d.BaseURL, user: uuid.New(), parts: resources.Parts(d.PIDs()), begun: time.Now().Add(-5 * 24 * time.Hour),
	}
	defer m.CloseIdleConnections()
	m.token = issuer.Token(b, m.user, "somebody")
	m.makeRoom(b, issuer)
	m.fill(b)
	for b.Loop() {
		paced(b, "newest", pagesASecond, func() error { return m.page("") })
		paced(b, "anywhere", pagesASecond, func() error {
			at := m.begun.Add(rand.N(time.Since(m.begun)))
			return m.page("&timestamp=" + url.QueryEscape(at.UTC().Format(time.RFC3339Nano)))
		})
		paced(b, "around", pagesASecond, func() error { return m.page("&around=" + m.ids[rand.IntN(len(m.ids))].String()) })
	}
	usage, err := m.parts.Usage()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(usage["messages"].Memory)/(1<<20), "messages-MiB")
}

type timelineBench struct {
	caller
	base  string
	user  uuid.UUID
	token string
	room  uuid.UUID
	parts resources.Parts
	begun time.Time // when the first message was created
	ids   []uuid.UUID
}

func (m *timelineBench) makeRoom(b *testing.B, issuer *authntest.Issuer) {
	b.Helper()
	as := func(token string) *client.Client {
		return client.New(m.base, m.Client, func(context.Context) (string, error) { return token, nil })
	}
	others := []uuid.UUID{m.user}
	for range 9 {
		other := uuid.New()
		if _, err := as(issuer.Token(b, other, "another")).Rooms(b.Context()); err != nil {
			b.Fatal(err)
		}
		others = append(others, other)
	}
	room, err := as(m.token).CreateRoom(b.Context(), client.NewRoom{Type: wire.Group, Name: "A million", Invited: others})
	if err != nil {
		b.Fatal(err)
	}
	m.room = room.ID
}

// fill sends the messages to the log as messages does, and waits until the timeline has them.
func (m *timelineBench) fill(b *testing.B) {
	b.Helper()
	kafka := bus.New(bus.Config{Brokers: enginetest.KafkaBrokers(b), ClientID: "bench", SecurityProtocol: "plaintext", Replication: 1}, telemetry.Discard(nil))
	defer kafka.Close()
	producer, err := kafka.NewProducer(bus.ProducerConfig{DeliveryTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	m.ids = make([]uuid.UUID, *manyMessages)
	each := time.Since(m.begun) / time.Duration(len(m.ids))
	var next atomic.Int64
	var work sync.WaitGroup
	begun := time.Now()
	for range fillers {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(m.ids)) && !b.Failed(); i = next.Add(1) - 1 {
				if err := m.produce(b.Context(), producer, int(i), m.begun.Add(time.Duration(i)*each)); err != nil {
					b.Errorf("message %d: %v", i, err)
				}
			}
		})
	}
	work.Wait()
	if err := producer.Close(b.Context()); err != nil || b.Failed() {
		b.Fatalf("fill: %v", err)
	}
	for complete := false; !complete; time.Sleep(time.Second) {
		complete = m.healed(b)
	}
	b.ReportMetric(float64(len(m.ids))/time.Since(begun).Seconds(), "healed/s")
}

func (m *timelineBench) produce(ctx context.Context, producer *bus.Producer, i int, at time.Time) error {
	id, err := idAt(at)
	if err != nil {
		return err
	}
	m.ids[i] = id
	body, err := json.Marshal(wire.TextBody{Text: fmt.Sprintf("Message %d, as long as many are: some sixty characters.", i)})
	if err != nil {
		return err
	}
	headers, value, err := events.Encode(events.New("/ism/bench", at, events.MessagePosted{
		RoomID: m.room, Audience: events.Audience{Users: []uuid.UUID{m.user}, Version: 1}, Preview: wire.TextPreview("somebody", "A message"),
		Message: wire.Message{RoomID: m.room, ID: id, SenderID: m.user, Type: wire.Text, Body: body, CreatedAt: wire.At(at)},
	}))
	if err != nil {
		return err
	}
	_, err = producer.Produce(ctx, bus.Record{Topic: events.TopicRooms, Key: m.room.String(), Headers: headers, Value: value, Partition: bus.PartitionAny})
	return err
}

// idAt makes a UUID of version 7 with a time.
func idAt(at time.Time) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	for i := range 6 {
		id[i] = byte(at.UnixMilli() >> (40 - 8*i))
	}
	return id, err
}

// healed reports whether the timeline lacks nothing that the log has.
func (m *timelineBench) healed(b *testing.B) bool {
	b.Helper()
	request, err := http.NewRequest(http.MethodGet, m.base+"/api/rooms/"+m.room.String()+"/timeline?limit=1", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	answer, err := m.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var page []wire.Message
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || answer.StatusCode != http.StatusOK {
		return false
	}
	return answer.Header.Get("X-Complete-Before") == "" && len(page) == 1 && time.Since(page[0].CreatedAt.Time) < time.Hour
}

func (m *timelineBench) page(query string) error {
	return m.do(http.MethodGet, m.base+"/api/rooms/"+m.room.String()+"/timeline?limit=50"+query, m.token, nil)
}
