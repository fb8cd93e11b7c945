package cassandra_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

var busyMessages = flag.Int("messages", 20_000, "how many messages BenchmarkBusyRoom fills its room with")

const (
	requestsPerSecond = 200
	turns             = 3 // of each room, at each kind of request
	turn              = 2 * time.Second
)

// BenchmarkBusyRoom fills two rooms with messages of one bucket each: a busy one, with its messages in slices of the bucket, and one with all of them in the
// bucket, as they were before there were slices. It shows the largest partition of each table, rounded up to MiB, and how long requests take at 200 a
// second, in turns.
func BenchmarkBusyRoom(b *testing.B) {
	cfg := cassandratest.Config(b)
	s := storetest.Start(b, newStore(b, cfg))
	rooms := []*busyRoom{{name: "slices", pace: 17}, {name: "bucket"}}
	for _, room := range rooms {
		room.id, room.messages, room.took = uuid.Must(uuid.NewV7()), *busyMessages, map[string][]time.Duration{}
		b.Run("fill "+room.name, func(b *testing.B) {
			began := time.Now()
			room.fill(b, s)
			b.ReportMetric(float64(room.messages)/time.Since(began).Seconds(), "messages/s")
			for table, size := range largestPartitions(b, cfg) {
				b.ReportMetric(float64(size), table+"-MiB")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, request := range []string{"newest", "oldest", "anywhere", "upwards", "time", "append"} {
		b.Run(request, func(b *testing.B) {
			for range turns {
				for _, room := range rooms {
					room.load(b, request, func() error { return room.request(b.Context(), s, request) })
				}
			}
			for _, room := range rooms {
				took := slices.Sorted(slices.Values(room.took[request]))
				b.ReportMetric(took[len(took)/2].Seconds()*1000, room.name+"-p50-ms")
				b.ReportMetric(took[len(took)*99/100].Seconds()*1000, room.name+"-p99-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

type busyRoom struct {
	name     string
	id       uuid.UUID
	pace     events.Pace
	messages int

	mu   sync.Mutex
	took map[string][]time.Duration // by request
}

// entry is one of the messages, which have the offsets from 0 on and came half a second one after the other, in the bucket before the present one: so
// all of them are compacted at once.
func (r *busyRoom) entry(offset int) store.Entry {
	const bucket = 10 * 24 * 3600
	at := time.Unix((time.Now().Unix()/bucket-1)*bucket, 0).Add(time.Duration(offset) * time.Second / 2)
	body, _ := json.Marshal(wire.TextBody{Text: fmt.Sprintf("message %d has the usual length of a message, more or less, which is some hundred characters of text", offset)})
	return store.Entry{Position: events.Position{Offset: int64(offset)}, Pace: r.pace, Message: wire.Message{
		RoomID: r.id, ID: uuid.Must(uuid.NewV7()), SenderID: uuid.New(), Body: body, Type: wire.Text, CreatedAt: wire.At(at),
	}}
}

// fill writes the messages as the consumer group does, two of its batches at once, and each until it is written.
func (r *busyRoom) fill(b *testing.B, s store.Store) {
	b.Helper()
	batches := make(chan []store.Entry)
	var writing sync.WaitGroup
	for range 2 {
		writing.Go(func() {
			for entries := range batches {
				err := s.Append(b.Context(), entries)
				for tries := 1; err != nil && tries < 10; tries++ {
					err = s.Append(b.Context(), entries)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for from := 0; from < r.messages; from += 500 {
		var entries []store.Entry
		for offset := from; offset < min(from+500, r.messages); offset++ {
			entries = append(entries, r.entry(offset))
		}
		batches <- entries
	}
	close(batches)
	writing.Wait()
}

// request asks for a page of 50, or appends another message.
func (r *busyRoom) request(ctx context.Context, s store.Store, what string) error {
	anywhere := events.Position{Offset: rand.Int64N(int64(r.messages)-100) + 50}
	within := store.Range{Before: events.EndOfLog}
	switch what {
	case "oldest":
		within.Oldest = true
	case "anywhere":
		within.Before = anywhere
	case "upwards":
		within.From, within.Oldest = anywhere, true
	case "time":
		var err error
		if within, err = s.Locate(ctx, r.id, r.entry(int(anywhere.Offset)).Message.CreatedAt.Time); err != nil {
			return err
		}
	case "append":
		r.mu.Lock()
		r.messages++
		entry := r.entry(r.messages)
		r.mu.Unlock()
		return s.Append(ctx, []store.Entry{entry})
	}
	page, err := s.Page(ctx, r.id, within, 50)
	if err == nil && len(page) != 50 {
		err = fmt.Errorf("a page of %+v has %d messages", within, len(page))
	}
	return err
}

// load makes requests at a steady rate, and notes how long each took from when it was due.
func (r *busyRoom) load(b *testing.B, what string, request func() error) {
	b.Helper()
	var running sync.WaitGroup
	began := time.Now()
	for i := range int(turn.Seconds() * requestsPerSecond) {
		due := began.Add(time.Duration(i) * time.Second / requestsPerSecond)
		time.Sleep(time.Until(due))
		running.Go(func() {
			if err := request(); err != nil {
				b.Error(err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.took[what] = append(r.took[what], time.Since(due))
		})
	}
	running.Wait()
}

// largestPartitions gives the size of the largest partition of each table, MiB, once all is on disk and compacted. ScyllaDB does not tell it.
func largestPartitions(b *testing.B, cfg cassandra.Config) map[string]int {
	b.Helper()
	session, sizes := connect(b, cfg), map[string]int{"messages": 0, "message_times": 0, "message_ids": 0}
	flushing := func(period int) {
		for table := range sizes {
			if err := session.Query(fmt.Sprintf("ALTER TABLE %s WITH memtable_flush_period_in_ms = %d", table, period)).Exec(); err != nil {
				b.Fatal(err)
			}
		}
	}
	flushing(1000)
	defer flushing(0)
	for idle := 0; idle < 5; idle++ {
		time.Sleep(2 * time.Second)
		if tasks := session.Query(`SELECT kind FROM system_views.sstable_tasks WHERE keyspace_name = ?`, cfg.Keyspace).Iter(); tasks.NumRows() > 0 {
			idle = 0
		}
	}
	for table := range sizes {
		var size int
		err := session.Query(`SELECT mebibytes FROM system_views.max_partition_size WHERE keyspace_name = ? AND table_name = ?`, cfg.Keyspace, table).Scan(&size)
		if err != nil {
			b.Fatalf("the largest partition of %s: %v", table, err)
		}
		sizes[table] = size
	}
	return sizes
}
