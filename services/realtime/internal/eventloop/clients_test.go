package eventloop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

func TestClientThatDoesNotReadIsCutAndOthersGoOn(t *testing.T) {
	for name, bound := range map[string]func(cfg *Config){
		"too many events":  func(cfg *Config) { cfg.QueueEvents = 50 },
		"too many bytes":   func(cfg *Config) { cfg.QueueBytes = 300_000 },
		"it takes so long": func(cfg *Config) { cfg.WriteTimeout = 2 * time.Second }, // and the other one takes less, also where the machine is busy
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, over func(*host) transport) {
				t.Parallel()
				cfg := config()
				bound(&cfg)
				w := serve(t, over, cfg)
				slow, quick := w.stalled(uuid.New()), w.open(uuid.New(), "")
				w.await(2)
				var want strings.Builder
				want.WriteString(opening)
				offset := int64(41)
				send := func() {
					offset++
					data := strings.Repeat("x", 10_000)
					w.source.send(data)
					want.WriteString(text(frame(offset, data)))
					servicetest.Await(t, "the other has it", func() bool { return len(quick.body()) == want.Len() })
				}
				servicetest.Await(t, "the slow stream has ended", func() bool {
					if offset < 1000 {
						send()
					}
					return w.ended(stream.Slow) == 1
				})
				send()
				if quick.body() != want.String() {
					t.Error("the other stream got something else")
				}
				_ = slow.Close()
				w.await(1)
			})
		})
	}
}

// A client whose machine has vanished acknowledges nothing. That is not seen before something is written to it: at the latest a keep-alive.
func TestHalfOpenClientIsCut(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.KeepAlive, cfg.Silent = 200*time.Millisecond, 300*time.Millisecond
		w := serve(t, over, cfg)
		c, other := w.open(uuid.New(), ""), w.open(uuid.New(), "")
		w.await(2)
		vanish(t, c)
		w.await(1)
		if w.ended(stream.Silent) != 1 {
			t.Error("it is not counted")
		}
		w.source.send("on")
		other.await("on\n\n")
	})
}

func TestByteWiseReaderGetsEverything(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		c := w.stalled(uuid.New())
		w.await(1)
		want := opening
		for i := range 100 {
			data := strings.Repeat("x", 1+rand.IntN(400))
			w.source.send(data)
			want += text(frame(int64(42+i), data))
		}
		go c.read(make([]byte, 1))
		servicetest.Await(t, "everything has arrived", func() bool { return len(c.body()) >= len(want) })
		if c.body() != want {
			t.Error("the client got something else")
		}
	})
}

func TestWhatAClientSendsIsThrownAway(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		c := w.dial(request(uuid.New(), "") + "GET /pipelined HTTP/1.1\r\n\r\n")
		go c.read(make([]byte, 4<<10))
		c.await(opening)
		for range 10 {
			if _, err := c.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
				t.Fatal(err)
			}
		}
		w.source.send("still there")
		c.await("id: 7-42\ndata: still there\n\n")
	})
}

func TestClientThatSendsGarbageIsCut(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		c, other := w.open(uuid.New(), ""), w.open(uuid.New(), "")
		w.await(2)
		for range maxGarbage/100 + 1 {
			if _, err := c.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
				break
			}
		}
		w.await(1)
		if w.ended(stream.Garbage) != 1 {
			t.Error("it is not counted")
		}
		w.source.send("on")
		other.await("on\n\n")
	})
}

// A client that sends its head byte by byte is cut by the HTTP server's time-out, which counts from the first.
func TestHeadThatNeverEndsIsCut(t *testing.T) {
	t.Parallel()
	w := serveWith(t, newTransport, config(), options{httpTimeout: 2 * time.Second})
	other := w.open(uuid.New(), "")
	c := w.dial("GET /api/sse?user=")
	go c.read(make([]byte, 1000))
	drip := time.NewTicker(20 * time.Millisecond)
	defer drip.Stop()
	limit := time.After(servicetest.Timeout)
	for cut := false; !cut; {
		select {
		case <-c.done:
			cut = true
		case <-drip.C:
			_, _ = c.Write([]byte("x"))
		case <-limit:
			t.Fatal("it is not cut while it sends")
		}
	}
	w.source.send("on")
	other.await("on\n\n")
	w.await(1)
}

func TestMalformedRequestsOpenNothing(t *testing.T) {
	user := uuid.NewString()
	for name, request := range map[string]string{
		"nothing":                "\r\n\r\n",
		"no HTTP":                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"another protocol":       "SSH-2.0-OpenSSH_9.2\r\n",
		"a header without colon": "GET /api/sse?user=" + user + " HTTP/1.1\r\nHost test\r\n\r\n",
		"a header that is huge":  "GET /api/sse?user=" + user + " HTTP/1.1\r\nHost: test\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
		"no user":                "GET /api/sse HTTP/1.1\r\nHost: test\r\n\r\n",
		"a NUL":                  "GET /api/sse?user=" + user + "\x00 HTTP/1.1\r\nHost: test\r\n\r\n",
		"a head that breaks off": "GET /api/sse?user=" + user + " HTTP/1.1\r\nHost: te",
		"a body":                 "POST /api/sse?user=" + user + " HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
		"a length that is none":  "POST /api/sse?user=" + user + " HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, newTransport, config())
			other := w.open(uuid.New(), "")
			c := w.dial(request)
			_ = c.CloseWrite()
			c.read(make([]byte, 1000))
			if got := c.text.String(); strings.Contains(got, " 200 OK") {
				t.Errorf("it is answered %q", got)
			}
			w.await(1)
			w.source.send("on")
			other.await("on\n\n")
		})
	}
}

// Clients come and go, are replaced and disconnected, while events are offered all the time. Those that stay get each event once and in order.
func TestManyComeAndGo(t *testing.T) {
	const staying, passing, events = 40, 8, 1500
	onEach(t, func(t *testing.T, over func(*host) transport) {
		cfg := config()
		cfg.KeepAlive, cfg.MaxPerUser = 100*time.Millisecond, 3
		w := serve(t, over, cfg)
		var stay []*client
		for _, user := range users(staying) {
			stay = append(stay, w.open(user, ""))
		}
		stop := make(chan struct{})
		var passers sync.WaitGroup
		for i, user := range users(passing) {
			passers.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 1))
				for {
					select {
					case <-stop:
						return
					default:
					}
					c := w.dial(request(user, [...]string{"", "&for=50ms"}[random.IntN(2)]))
					go c.read(make([]byte, 1+random.IntN(4000)))
					servicetest.Await(t, "an answer", func() bool { return c.body() != "" })
					switch random.IntN(4) {
					case 0:
						_ = c.Close()
					case 1:
						w.EndUser(user, stream.Disconnected)
					case 2:
						_, _ = c.Write(make([]byte, random.IntN(2*maxGarbage)))
					}
				}
			})
		}
		for i := range events {
			w.source.send(fmt.Sprint("event ", i))
			if i%100 == 0 {
				w.Snapshot()
			}
		}
		for _, c := range stay {
			c.await(fmt.Sprintf("event %d\n\n", events-1))
		}
		close(stop)
		passers.Wait()
		for _, c := range stay {
			at := 0
			for line := range strings.Lines(c.body()) {
				data, isData := strings.CutPrefix(strings.TrimSpace(line), "data: ")
				if isData && data != fmt.Sprint("event ", at) {
					t.Fatalf("%q comes where event %d should", data, at)
				}
				if isData {
					at++
				}
			}
			if at != events {
				t.Fatalf("%d events", at)
			}
		}
	})
}
