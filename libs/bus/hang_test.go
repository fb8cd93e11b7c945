package bus

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/servicetest"
)

// hanging are the connections of brokers that can be made to stand still: they take what they are sent and answer nothing, as a process that was
// stopped or a machine that has vanished.
type hanging struct {
	ended chan struct{}

	mu      sync.Mutex
	brokers map[string]bool // addresses of those that hang
}

func (h *hanging) hang(broker string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.brokers[broker] = true
}

func (h *hanging) listen(network, address string) (net.Listener, error) {
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &hangingListener{Listener: listener, of: h}, nil
}

type hangingListener struct {
	net.Listener
	of *hanging
}

func (l *hangingListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hangingConn{Conn: connection, listener: l}, nil
}

type hangingConn struct {
	net.Conn
	listener *hangingListener
}

// Write passes nothing on while the broker hangs. A client that has gone ends it, as on a broker.
func (c *hangingConn) Write(answer []byte) (int, error) {
	h := c.listener.of
	h.mu.Lock()
	hangs := h.brokers[c.listener.Addr().String()]
	h.mu.Unlock()
	if hangs {
		<-h.ended
	}
	return c.Conn.Write(answer)
}

// A broker hangs, and another leads its partitions: who appends and who reads goes over to that one, though the first answers nothing, long before
// the client would by itself, in a minute.
func TestBrokerThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	const soon = 40 * time.Second
	h := &hanging{ended: make(chan struct{}), brokers: map[string]bool{}}
	broker := startBroker(t, kfake.NumBrokers(2), kfake.ListenFn(h.listen))
	defer close(h.ended)
	addresses := broker.cluster.ListenAddrs()
	w := newWorld(t, addresses)
	topic := w.topic(1)
	if err := broker.cluster.MoveTopicPartition(topic, 0, 0); err != nil {
		t.Fatal(err)
	}
	follower := w.jumping(topic, nil)
	appender, said := w.appender(topic, soon), newFate()
	for i := range 10 {
		if err := said.append(t, appender, topic, "key", fmt.Sprint("before ", i)); err != nil {
			t.Fatal(err)
		}
	}
	servicetest.Await(t, "they are read", func() bool { return slices.Contains(follower.all(), "before 9") })
	h.hang(addresses[0])
	if err := broker.cluster.MoveTopicPartition(topic, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := said.append(t, appender, topic, "key", "after"); err != nil {
		t.Errorf("after it hangs: %v", err)
	}
	begun := time.Now()
	servicetest.Await(t, "what comes after is read", func() bool { return slices.Contains(follower.all(), "after") })
	t.Logf("it is read after %s", time.Since(begun))
	said.expect(t, w, topic)
}
