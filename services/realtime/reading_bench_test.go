package realtime_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
)

// BenchmarkAnEdgeReads measures how many messages of rooms of ten an edge reads from Kafka and matches with their members, a second. That
// bounds what one installation carries: every edge reads everything.
func BenchmarkAnEdgeReads(b *testing.B) {
	const records, batch = 200_000, 2_000
	tel := telemetry.Discard(nil)
	kafka := bus.New(busConfig(enginetest.KafkaBrokers(b)), tel)
	b.Cleanup(kafka.Close)
	if err := kafka.EnsureTopics(b.Context(), events.TopicRooms); err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	producer, err := kafka.NewProducer(bus.ProducerConfig{DeliveryTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = producer.Close(context.Background()) }()
	rooms := make([]room, 1000)
	for i := range rooms {
		rooms[i] = newRoom(numbered(0, 10)...)
	}
	text := strings.Repeat("x", 100)
	for written := 0; written < records; written += batch {
		all := make([]bus.Record, 0, batch)
		for i := range batch {
			data := message(b, rooms[(written+i)%len(rooms)], text)
			headers, value, err := events.Encode(events.New("/ism/bench", now(), data))
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny})
		}
		if _, err := producer.ProduceAll(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
	found, err := kafka.Incarnations(b.Context(), events.TopicRooms)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, err := edge.New(edge.Config{
			Limits: ring.Limits{Window: time.Hour, Margin: time.Minute, Records: 200_000, Bytes: 1 << 30}, Audiences: 64 << 20,
		}, kafka.Tracing(""), tel)
		if err != nil {
			b.Fatal(err)
		}
		e.Open(0, time.Time{}, cut.Topic{Name: found[0].Topic, ID: found[0].ID.String(), Partitions: found[0].Partitions})
		ctx, stop := context.WithCancel(b.Context())
		reader, err := kafka.NewReader(bus.ReaderConfig{
			Topics: []string{events.TopicRooms}, Since: begun, MaxBatch: 200, Handler: e.Ingest, Begin: e.Begin,
			CaughtUp: func() { e.CaughtUp(); stop() },
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := reader.Run(ctx); err != nil {
			b.Fatal(err)
		}
		stop()
	}
	b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "records/s")
}
