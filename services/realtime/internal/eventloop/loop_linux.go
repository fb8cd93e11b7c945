package eventloop

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

const (
	// What a loop does before it looks at everything else again.
	maxLooks  = 128 // connections that have changed
	maxTicks  = 64  // connections at which something is due
	maxChunks = 4   // of one connection

	// gather is up to how many bytes are copied together, to be written at once. A buffer that is larger is written by itself.
	gather = 64 << 10
	// readSize is how much of what a client sends is thrown away at once.
	readSize = 4 << 10
)

// loop carries many connections in one goroutine. Nothing in it waits but for the poller.
type loop struct {
	*host

	poller   *poller
	changed  atomic.Pointer[connection] // those to look at, the newest first
	stopping atomic.Bool
	done     chan struct{}
	streams  atomic.Int32

	// The goroutine's own.
	ready, readyLast *connection // those to look at, in order
	wheel            wheel
	slots            []*connection // 0 is none
	free             []int32
	buffers          [][]byte
	scratch          []byte
}

func newLoop(h *host) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	l := &loop{
		host: h, poller: p, done: make(chan struct{}), slots: make([]*connection, 1), scratch: make([]byte, gather),
		buffers: make([][]byte, 0, 64),
	}
	l.wheel.tick = int64(h.clock.now() / wheelTick)
	return l, nil
}

// take takes the connection's socket from Go's runtime: what that holds for it, a goroutine waiting in it included, goes when the connection is
// closed.
func (l *loop) take(c *connection, conn net.Conn) error {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("take over a %T: %w", conn, errors.ErrUnsupported)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("take over a connection: %w", err)
	}
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		var own int
		own, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		c.fd = int32(own)
	})
	if err := errors.Join(err, dupErr); err != nil {
		return fmt.Errorf("take over a connection: %w", err)
	}
	setTimeouts(conn, l.silent)
	c.carrier = l
	return nil
}

// wake is the loop's side of [carrier].
func (l *loop) wake(c *connection) {
	for {
		newest := l.changed.Load()
		c.readyNext = newest
		if !l.changed.CompareAndSwap(newest, c) {
			continue
		}
		if newest == nil {
			l.poller.wake() // else whoever was first has done that
		}
		return
	}
}

// interrupt is the loop's side of [carrier]: it never waits in a write.
func (l *loop) interrupt(*connection) {}

// stop ends the loop, which has no connections any more, and waits for it.
func (l *loop) stop() {
	l.stopping.Store(true)
	l.poller.wake()
	<-l.done
}

func (l *loop) run() {
	defer close(l.done)
	defer l.poller.close()
	for !l.stopping.Load() {
		l.takeChanged()
		l.lookAtReady()
		l.tickDue()
		l.react()
	}
}

// takeChanged puts those that have changed behind those that are ready, in the order in which they changed.
func (l *loop) takeChanged() {
	newest := l.changed.Swap(nil)
	if newest == nil {
		return
	}
	last := newest
	var first *connection
	for c := newest; c != nil; {
		next := c.readyNext
		c.readyNext = first
		first, c = c, next
	}
	l.append(first, last)
}

func (l *loop) append(first, last *connection) {
	if l.ready == nil {
		l.ready = first
	} else {
		l.readyLast.readyNext = first
	}
	l.readyLast = last
}

func (l *loop) lookAtReady() {
	for range maxLooks {
		c := l.ready
		if c == nil {
			return
		}
		l.ready, c.readyNext = c.readyNext, nil
		c.looking()
		l.look(c)
	}
}

// tickDue does what is due by time.
func (l *loop) tickDue() {
	now := l.clock.now()
	c := l.wheel.pop(now)
	if c == nil {
		return
	}
	position := l.source.Position()
	for range maxTicks {
		c.tick(now, position)
		l.look(c)
		if c = l.wheel.pop(now); c == nil {
			return
		}
	}
	l.wheel.set(c, c.due)
}

// react waits for something to happen to the connections, unless there is other work, and does what follows from it.
func (l *loop) react() {
	happened := l.poller.poll()
	if len(happened) == 0 && l.ready == nil {
		until := time.Time{}
		if due := l.wheel.next(); due != 0 {
			until = l.clock.started.Add(due)
		}
		happened = l.poller.wait(until, func() bool { return l.changed.Load() != nil || l.stopping.Load() })
	}
	for i := range happened {
		event := &happened[i]
		if c := l.slots[event.Pad]; c != nil && c.fd == event.Fd {
			l.handle(c, event.Events)
		}
	}
}

// look writes what the connection has to write, and lets go of it if its stream has ended.
func (l *loop) look(c *connection) {
	if c.closed || c.slot == 0 && !l.add(c) {
		return
	}
	for range maxChunks {
		chunk, due, ended := c.next(l.clock.now(), l.buffers[:0])
		switch {
		case ended != stream.None:
			l.close(c, ended)
			return
		case len(chunk.Buffers) == 0 || c.blocked:
			l.wheel.set(c, due)
			return
		}
		l.write(c, chunk)
	}
	if c.lookAgain() {
		l.append(c, c)
	}
}

// add watches a connection from now on. It reports false where that cannot be done, and the connection is closed.
func (l *loop) add(c *connection) bool {
	if len(l.free) == 0 {
		l.slots = append(l.slots, nil)
		l.free = append(l.free, int32(len(l.slots)-1))
	}
	last := len(l.free) - 1
	c.slot, l.free = l.free[last], l.free[:last]
	l.slots[c.slot] = c
	l.streams.Add(1)
	if err := l.poller.add(c.fd, c.slot); err != nil {
		l.end(c, stream.Gone)
		return false
	}
	return true
}

// write writes as much of a chunk as the client has room for.
func (l *loop) write(c *connection, chunk stream.Chunk) {
	begun := time.Now()
	n, all, err := l.writeOnce(int(c.fd), chunk.Buffers)
	if errors.Is(err, unix.EAGAIN) {
		err = nil
	}
	c.blocked = err == nil && n < all
	l.wrote(c, chunk, begun, n, err)
	clear(chunk.Buffers) // what they hold must not live on with them
	l.buffers = chunk.Buffers[:0]
}

// writeOnce writes the first of the buffers together. It gives how many bytes of how many were written.
func (l *loop) writeOnce(fd int, buffers [][]byte) (n, all int, err error) {
	text := buffers[0]
	if len(buffers) > 1 && len(text) < gather {
		text = l.scratch[:0]
		for _, buffer := range buffers {
			if len(text)+len(buffer) > gather {
				break
			}
			text = append(text, buffer...)
		}
	}
	for {
		n, err = unix.Write(fd, text)
		if !errors.Is(err, unix.EINTR) {
			return max(0, n), len(text), err //nolint:wrapcheck // told by its number
		}
	}
}

// handle does what follows from what has happened to a connection.
func (l *loop) handle(c *connection, events uint32) {
	switch {
	case events&unix.EPOLLERR != 0:
		number, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && number != 0 {
			err = syscall.Errno(number)
		}
		l.end(c, reasonOf(err))
	case events&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0:
		l.end(c, stream.Gone)
	case events&unix.EPOLLIN != 0 && !l.discard(c):
	case events&unix.EPOLLOUT != 0 && c.blocked:
		c.blocked = false
		l.look(c)
	}
}

// discard throws away what the client has sent. It reports false where that was the end of it.
func (l *loop) discard(c *connection) bool {
	for {
		n, err := unix.Read(int(c.fd), l.scratch[:readSize])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return true
		case err != nil:
			l.end(c, reasonOf(err))
			return false
		case n == 0:
			l.end(c, stream.Gone)
			return false
		default:
			if c.received += uint16(n); c.received > maxGarbage {
				l.end(c, stream.Garbage)
				return false
			}
		}
	}
}

// end ends a stream at once.
func (l *loop) end(c *connection, reason stream.Reason) {
	c.mu.Lock()
	c.stream.End(reason)
	ended := c.stream.Ended()
	c.mu.Unlock()
	l.close(c, ended)
}

// close lets go of a connection whose stream has ended.
func (l *loop) close(c *connection, reason stream.Reason) {
	c.closed = true
	l.wheel.remove(c)
	l.slots[c.slot] = nil
	l.free = append(l.free, c.slot)
	l.streams.Add(-1)
	_ = unix.Close(int(c.fd)) // the stream is over
	l.letGo(c, reason)
}
