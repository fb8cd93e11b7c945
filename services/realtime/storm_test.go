package realtime_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
)

// Clients resume ten thousand times in all, at random points of their streams, at random nodes, which are stopped and started meanwhile. Each gets
// every message once, in order.
func TestTenThousandResumes(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const clients, resumes = 100, 100
		cluster := &cluster{nodes: []*node{w.start(t), w.start(t)}}
		rooms := make([]room, 10)
		for i := range rooms {
			rooms[i] = newRoom(numbered(0, clients/len(rooms))...)
		}
		ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
		defer stop()
		var resumed atomic.Int64
		var resuming, clientsDone, others sync.WaitGroup
		posted := make([]atomic.Int64, len(rooms))
		for i := range clients {
			r := rooms[i%len(rooms)]
			member := r.members[i/len(rooms)]
			reader := &wanderer{w: w, cluster: cluster, token: w.issuer.Token(t, member.ID, member.DisplayName), random: rand.New(rand.NewPCG(uint64(i), 5))}
			if err := reader.open(ctx); err != nil {
				t.Fatal(err)
			}
			resuming.Add(1)
			clientsDone.Go(func() {
				defer reader.close()
				err := reader.resume(ctx, resumes, &resumed)
				resuming.Done()
				if err != nil {
					t.Errorf("client %d, after %d messages: %v", i, reader.next, err)
					return
				}
				for int64(reader.next) < posted[i%len(rooms)].Load() {
					if err := reader.readSome(ctx, 1); err != nil {
						t.Errorf("client %d, at the end, after %d messages: %v", i, reader.next, err)
						return
					}
				}
			})
		}
		over := make(chan struct{})
		others.Go(func() { // messages, until all have resumed
			for n := 0; ; n += 2 {
				for i, r := range rooms {
					w.post(t, r, numbered(n, n+2)...)
					posted[i].Add(2)
				}
				select {
				case <-over:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		})
		others.Go(func() { // nodes that come and go
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				case <-time.After(700 * time.Millisecond):
				}
				cluster.replace(t, w, i%2)
			}
		})
		resuming.Wait()
		close(over)
		clientsDone.Wait()
		others.Wait()
		t.Logf("%d resumes, %d messages in each room, %d nodes", resumed.Load(), posted[0].Load(), 2+cluster.replaced)
	})
}

// cluster is the nodes that run now.
type cluster struct {
	mu       sync.Mutex
	nodes    []*node
	replaced int
}

func (c *cluster) any(random *rand.Rand) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[random.IntN(len(c.nodes))]
}

// replace stops a node, and starts another.
func (c *cluster) replace(t *testing.T, w *world, i int) {
	c.mu.Lock()
	gone := c.nodes[i]
	c.mu.Unlock()
	gone.stop()
	fresh := w.start(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i] = fresh
	c.replaced++
}

// wanderer is a client that moves from node to node.
type wanderer struct {
	w       *world
	cluster *cluster
	token   string
	random  *rand.Rand

	stream *client.Stream
	lastID string
	next   int // number of the next message
}

// open opens the stream where it was, at some node that takes it.
func (r *wanderer) open(ctx context.Context) error {
	for {
		stream, err := r.w.dial(ctx, r.cluster.any(r.random), r.token, r.lastID)
		if err == nil {
			r.stream = stream
			return nil
		}
		select { // the node has gone
		case <-ctx.Done():
			return fmt.Errorf("open: %w", errors.Join(ctx.Err(), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (r *wanderer) close() {
	if r.stream != nil {
		r.stream.Close()
	}
}

// resume moves on so many times.
func (r *wanderer) resume(ctx context.Context, times int, count *atomic.Int64) error {
	for range times {
		if err := r.readSome(ctx, 1+r.random.IntN(4)); err != nil {
			return err
		}
		count.Add(1)
	}
	return nil
}

// readSome reads so many messages, fewer if the node stops, and moves on.
func (r *wanderer) readSome(ctx context.Context, messages int) error {
	if r.stream == nil {
		if err := r.open(ctx); err != nil {
			return err
		}
	}
	timeout := time.AfterFunc(30*time.Second, r.stream.Close)
	defer timeout.Stop()
	for range messages {
		event, err := r.stream.Next()
		if err != nil { // the node has gone, or it took too long
			break
		}
		text, err := textOf(event)
		if err != nil {
			return err
		}
		if text != fmt.Sprint(r.next) {
			return fmt.Errorf("got message %s, want %d", text, r.next)
		}
		r.next++
	}
	r.lastID = r.stream.LastEventID()
	r.stream.Close()
	r.stream = nil
	return nil
}
