package eventloop

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// goroutines carries each connection with two goroutines: one that writes, and one that waits for what the client sends. It is for systems
// that have no event loop here.
type goroutines struct{ *host }

func newGoroutines(h *host) *goroutines { return &goroutines{host: h} }

// pair carries one connection.
type pair struct {
	*host

	conn    net.Conn
	changed chan struct{} // has a token while the stream may have something to write or may have ended
}

func (g *goroutines) take(c *connection, conn net.Conn) error {
	setTimeouts(conn, g.silent)
	c.carrier = &pair{host: g.host, conn: conn, changed: make(chan struct{}, 1)}
	return nil
}

// carry returns when the stream has ended.
func (g *goroutines) carry(c *connection) {
	c.carrier.(*pair).run(c) //nolint:forcetypeassert // take has set it
}

func (g *goroutines) loops() []Loop { return nil }

func (g *goroutines) stop() {}

// wake is the pair's side of [carrier].
func (p *pair) wake(*connection) {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// interrupt is the pair's side of [carrier].
func (p *pair) interrupt(c *connection) {
	_ = p.conn.SetWriteDeadline(time.Unix(1, 0)) // on a broken connection a write ends anyhow
	p.wake(c)
}

func (p *pair) run(c *connection) {
	var reading sync.WaitGroup
	reading.Go(func() { c.end(p.discard()) })
	reason := p.write(c)
	_ = p.conn.Close() // the stream is over
	reading.Wait()
	p.letGo(c, reason)
}

// write writes the stream until it ends, and says why it did.
func (p *pair) write(c *connection) stream.Reason {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		p.tick(c)
		c.looking()
		chunk, due, ended := c.next(p.clock.now(), nil)
		switch {
		case ended != stream.None:
			return ended
		case len(chunk.Buffers) > 0:
			p.writeChunk(c, chunk)
		default:
			alarm.Reset(due - p.clock.now())
			select {
			case <-p.changed:
			case <-alarm.C:
			}
		}
	}
}

func (p *pair) tick(c *connection) {
	if c.isDue(p.clock.now()) {
		position := p.source.Position()
		c.tick(p.clock.now(), position)
	}
}

func (p *pair) writeChunk(c *connection, chunk stream.Chunk) {
	_ = p.conn.SetWriteDeadline(p.clock.started.Add(chunk.Deadline)) // on a broken connection the write fails anyhow
	if _, ended := c.state(); ended {
		return // and its interruption may have come before the deadline was set
	}
	begun := time.Now()
	buffers := net.Buffers(chunk.Buffers)
	n, err := buffers.WriteTo(p.conn)
	p.wrote(c, chunk, begun, int(n), err)
}

// discard throws away what the client sends, and says why the stream must end.
func (p *pair) discard() stream.Reason {
	n, err := io.Copy(io.Discard, io.LimitReader(p.conn, maxGarbage+1))
	switch {
	case n > maxGarbage:
		return stream.Garbage
	case err != nil:
		return reasonOf(err)
	default:
		return stream.Gone
	}
}
