package eventloop

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// hub is a source that knows its streams by number.
type hub struct {
	mu       sync.Mutex
	subs     []stream.Subscriber
	position int64
	at       sse.Position
}

func (h *hub) Attach(_ context.Context, _ uuid.UUID, _ string, sub stream.Subscriber) (stream.Attachment, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs = append(h.subs, sub)
	return stream.Attachment{Seq: uint64(h.position + 1), Opening: []byte("id: 7-0\n\n")}, nil
}

func (h *hub) Detach(_ uuid.UUID, sub stream.Subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.subs, sub); i >= 0 {
		h.subs[i] = h.subs[len(h.subs)-1]
		h.subs = h.subs[:len(h.subs)-1]
	}
}

func (h *hub) Position() sse.Position { return h.at }

// event makes the next event, of about the size of a chat message.
func (h *hub) event() sse.Frame { return h.eventOf(400) }

func (h *hub) eventOf(size int) sse.Frame {
	h.position++
	return sse.Frame{
		ID: fmt.Appendf(nil, "id: AQ-%020d\n", h.position), Seq: uint64(h.position + 1),
		Event: &sse.Event{Data: fmt.Appendf(nil, "data: {%s}\n\n", strings.Repeat("x", size)), At: time.Now()},
	}
}

// offer hands a frame to some streams, under the lock, as the edge does.
func (h *hub) offer(frame sse.Frame, first, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, sub := range h.subs[first : first+n] {
		sub.Offer(frame)
	}
}

// bench is a running server whose requests are authenticated, with clients in another process.
type bench struct {
	hub     *hub
	clients *clients
	streams interface{ Drain(ctx context.Context) }
}

func newBench(b *testing.B, keepAlive time.Duration) *bench {
	b.Helper()
	cfg := Config{
		Config:     stream.Config{KeepAlive: keepAlive, WriteTimeout: 10 * time.Second, Retry: time.Second, QueueEvents: 100_000, QueueBytes: 1 << 28},
		MaxStreams: 100_000, MaxPerUser: 100_000,
	}
	tel := telemetry.Discard(nil)
	tel.Log = slog.New(slog.DiscardHandler)
	h := &hub{at: sse.Position{Seq: 1, ID: []byte("id: 7-0\n")}}
	streams := New(cfg, h, tel)
	issuer := authntest.New(b)
	verifier := issuer.Verifier(b, tel)
	server := httpapi.New(httpapi.Config{
		Address: "127.0.0.1:0", BodyLimit: 64 << 10, HeaderLimit: 16 << 10, ReadTimeout: time.Minute, HandlerTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}, httpapi.Deps{Service: "bench", Telemetry: tel})
	server.App.Get("/api/sse", verifier.Require(), func(c *fiber.Ctx) error {
		caller := authn.Caller(c)
		return streams.Serve(c, Request{User: caller.UserID, ExpiresAt: caller.ExpiresAt.Add(time.Hour)})
	})
	stop := servicetest.Run(b, "listener", server.Run)
	<-server.Listening()
	b.Cleanup(func() {
		stop()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		streams.Drain(ctx)
	})
	result := &bench{hub: h, streams: streams, clients: startClients(b, server.Address())}
	for range 15_000 / 20 { // the clients send them by turns
		result.clients.tokens = append(result.clients.tokens, issuer.Token(b, uuid.New(), "alice"))
	}
	return result
}

// number is one of the environment, for runs that are not of the usual size.
func number(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// rss is what the process has in memory, bytes.
func rss() int {
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(string(bytes.Fields(status)[1]))
	return pages * os.Getpagesize()
}

// cpu is what the process has used.
func cpu() time.Duration {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

type memory struct{ rss, heap, goroutines int }

// settled is what the process has once everything that it does not need is given back.
func settled() memory {
	for range 3 {
		debug.FreeOSMemory()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return memory{rss(), int(stats.HeapAlloc), runtime.NumGoroutine()}
}

// BenchmarkIdle is what a stream costs to which nothing happens: memory, and the CPU of its keep-alives.
func BenchmarkIdle(b *testing.B) {
	streams := number("ISM_BENCH_STREAMS", 15_000)
	watched := time.Duration(number("ISM_BENCH_SECONDS", 30)) * time.Second
	keepAlive := time.Duration(number("ISM_BENCH_KEEP_ALIVE", 15)) * time.Second
	for range b.N {
		run := newBench(b, keepAlive)
		run.clients.open(100) // what the first ones bring with them is no other's
		before := settled()
		run.clients.open(streams)
		<-time.After(12 * time.Second) // the HTTP server keeps its goroutines for ten
		after := settled()
		begun := cpu()
		<-time.After(watched)
		used := cpu() - begun
		n := float64(streams)
		b.ReportMetric(float64(after.rss-before.rss)/n, "rss-B/stream")
		b.ReportMetric(float64(after.heap-before.heap)/n, "heap-B/stream")
		b.ReportMetric(float64(after.goroutines-before.goroutines)/n, "goroutines/stream")
		b.ReportMetric(float64(used.Microseconds())/watched.Seconds()/n, "cpu-µs/s/stream")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkOneEventToMany is one event to many streams: until the last one has it, and what it costs the server.
func BenchmarkOneEventToMany(b *testing.B) {
	for _, streams := range []int{1000, 5000} {
		b.Run(strconv.Itoa(streams), func(b *testing.B) {
			run := newBench(b, time.Hour)
			run.clients.open(streams)
			const rounds = 40
			for b.Loop() {
				var took []time.Duration
				begun := cpu()
				for range rounds {
					frame := run.hub.event()
					run.clients.expect(streams * frame.Size())
					offered := time.Now()
					run.hub.offer(frame, 0, streams)
					took = append(took, run.clients.got().Sub(offered))
				}
				used := cpu() - begun
				slices.Sort(took)
				b.ReportMetric(float64(took[rounds/2].Microseconds())/1000, "last-p50-ms")
				b.ReportMetric(float64(took[rounds-2].Microseconds())/1000, "last-p95-ms")
				b.ReportMetric(float64(used.Nanoseconds())/1000/float64(rounds*streams), "cpu-µs/delivery")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkStalled is one event to many streams, first with all clients reading, then with one in a hundred that does not.
func BenchmarkStalled(b *testing.B) {
	const streams, stalled, rounds, size = 2000, 20, 200, 4000
	run := newBench(b, time.Hour)
	run.clients.open(streams)
	measure := func(reading int) time.Duration {
		var took []time.Duration
		for range rounds {
			frame := run.hub.eventOf(size)
			run.clients.expect(reading * frame.Size())
			offered := time.Now()
			run.hub.offer(frame, 0, streams)
			took = append(took, run.clients.got().Sub(offered))
		}
		slices.Sort(took)
		return took[rounds*95/100]
	}
	for range b.N {
		before := measure(streams)
		heap := settled().heap
		run.clients.stall(stalled)
		during := measure(streams - stalled)
		b.ReportMetric(float64(before.Microseconds())/1000, "last-p95-ms")
		b.ReportMetric(float64(during.Microseconds())/1000, "last-p95-ms-stalled")
		b.ReportMetric(float64(settled().heap-heap)/stalled/1024, "KiB/stalled")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkDrain ends all streams at once.
func BenchmarkDrain(b *testing.B) {
	streams := number("ISM_BENCH_STREAMS", 15_000)
	for range b.N {
		run := newBench(b, time.Hour)
		run.clients.open(streams)
		run.clients.end(streams)
		begun := time.Now()
		run.streams.Drain(b.Context())
		drained := time.Since(begun)
		b.ReportMetric(drained.Seconds(), "drained-s")
		b.ReportMetric(run.clients.got().Sub(begun).Seconds(), "last-client-s")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkRooms is events to rooms of ten, as many at a time as there are rooms: each stream has one to write.
func BenchmarkRooms(b *testing.B) {
	const rooms, members = 800, 10
	run := newBench(b, time.Hour)
	run.clients.open(rooms * members)
	const rounds = 20
	for b.Loop() {
		begun, used := time.Now(), cpu()
		for range rounds {
			run.clients.expect(rooms * members * run.hub.event().Size())
			for room := range rooms {
				run.hub.offer(run.hub.event(), room*members, members)
			}
			run.clients.got()
		}
		deliveries := float64(rounds * rooms * members)
		b.ReportMetric(deliveries/time.Since(begun).Seconds(), "deliveries/s")
		b.ReportMetric(float64((cpu()-used).Nanoseconds())/1000/deliveries, "cpu-µs/delivery")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkBurst is many events at once to each stream: several go out in one write.
func BenchmarkBurst(b *testing.B) {
	const streams, events, rounds = 1000, 32, 20
	run := newBench(b, time.Hour)
	run.clients.open(streams)
	for b.Loop() {
		begun, used := time.Now(), cpu()
		for range rounds {
			run.clients.expect(streams * events * run.hub.event().Size())
			for range events {
				run.hub.offer(run.hub.event(), 0, streams)
			}
			run.clients.got()
		}
		deliveries := float64(rounds * streams * events)
		b.ReportMetric(deliveries/time.Since(begun).Seconds(), "events/s")
		b.ReportMetric(float64((cpu()-used).Nanoseconds())/1000/deliveries, "cpu-µs/event")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkConnect is streams that open, with tokens that are verified.
func BenchmarkConnect(b *testing.B) {
	streams := number("ISM_BENCH_STREAMS", 15_000)
	for range b.N {
		run := newBench(b, time.Hour)
		used := cpu()
		took := run.clients.open(streams)
		b.ReportMetric(float64(streams)/took.Seconds(), "connects/s")
		b.ReportMetric(float64((cpu()-used).Microseconds())/float64(streams), "cpu-µs/connect")
		b.ReportMetric(0, "ns/op")
	}
}
