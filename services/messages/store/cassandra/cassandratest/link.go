package cassandratest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Link is a way to an engine that can be cut, as when the network or the engine fails: what is open breaks, and nothing new
// gets through until it is mended.
type Link struct {
	listener net.Listener
	engine   string
	work     sync.WaitGroup

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]struct{}
}

// NewLink makes a link to the engine at an address, host:port, that goes with the test.
func NewLink(tb testing.TB, engine string) *Link {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l := &Link{listener: listener, engine: engine, open: map[net.Conn]struct{}{}}
	l.work.Go(l.serve)
	tb.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		l.work.Wait()
	})
	return l
}

// Address is where the engine is reached over the link.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Cut breaks the link.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for connection := range l.open {
		_ = connection.Close()
	}
}

// Mend ends the cut.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

func (l *Link) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.work.Go(func() { l.carry(client) })
	}
}

func (l *Link) carry(client net.Conn) {
	defer client.Close()
	if !l.hold(client) {
		return
	}
	defer l.release(client)
	engine, err := net.Dial("tcp", l.engine)
	if err != nil {
		return
	}
	defer engine.Close()
	if !l.hold(engine) {
		return
	}
	defer l.release(engine)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, engine)
		_ = client.Close()
	})
	_, _ = io.Copy(engine, client)
	_ = engine.Close()
	back.Wait()
}

// hold takes a connection in, unless the link is cut.
func (l *Link) hold(connection net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.open[connection] = struct{}{}
	}
	return !l.cut
}

func (l *Link) release(connection net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, connection)
}
