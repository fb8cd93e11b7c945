package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
)

// gate stands between a connection and fasthttp, and lets through what is a request beyond doubt, see readHead. fasthttp shows neither how lines
// ended nor what chunks looked like, so this reads the bytes.
//
// A head goes through once all of it is there and good. Only its first byte goes ahead, so that fasthttp knows that a request comes, and sets its
// deadline. In place of a bad head fasthttp gets one that it can read, and readable answers it with the fault. Nothing goes through behind a fault.
type gate struct {
	from io.Reader
	most int // bytes of a head

	in        []byte // has arrived, and is not judged
	out       []byte // is let through
	announced bool   // the first byte of the head in `in` is let through
	skipped   bool   // an empty line before the head was
	state     gateState
	left      uint64   // bytes of the body, or of the chunk
	found     *Problem // what is wrong behind `out`
	fault     *Problem // what is wrong with what was read last: the request that fasthttp has is to be refused
	end       error    // what is read behind `out`
}

// gateState is what comes next on the connection.
type gateState int

const (
	atHead     gateState = iota
	inBody               // of a known length
	atChunk              // the line with a chunk's size
	inChunk              // its data
	behindData           // the CRLF behind its data
)

// errRefused is what fasthttp reads in place of a body that is refused.
var errRefused = errors.New("the request is refused")

func (g *gate) Read(p []byte) (int, error) {
	for {
		switch {
		case len(g.out) > 0:
			n := copy(p, g.out)
			if g.out = g.out[n:]; len(g.out) == 0 {
				g.out = nil
			}
			return n, nil
		case g.found != nil:
			g.refuse()
			continue
		case g.end != nil:
			return 0, g.end
		}
		n, err := g.from.Read(p)
		through := g.arrived(p[:n])
		if err != nil {
			g.ended(err)
		}
		if through > 0 {
			return through, nil
		}
	}
}

// arrived takes what has arrived, and gives how much of its beginning goes through as it is. What else goes through is put into `out`.
func (g *gate) arrived(b []byte) (through int) {
	if len(g.in) == 0 {
		through = g.judge(b) // mostly all
		b = b[through:]
	}
	if len(b) == 0 {
		return through
	}
	g.in = append(g.in, b...)
	for g.found == nil && len(g.in) > 0 {
		n := g.judge(g.in)
		switch {
		case n > 0:
			g.letThrough(n)
		case g.found == nil && !g.skipLine():
			g.announce()
			return through
		}
	}
	return through
}

// letThrough moves the first n bytes of `in` into `out`.
func (g *gate) letThrough(n int) {
	first := 0
	if g.announced {
		first = 1
	}
	g.announced = false
	g.out = append(g.out, g.in[first:n]...)
	if g.in = g.in[n:]; len(g.in) == 0 {
		g.in = nil
	}
}

// skipLine takes an empty line away that stands before a head: one, as older clients put it behind a body (RFC 9112, section 2.2).
func (g *gate) skipLine() bool {
	if g.state != atHead || g.skipped || !bytes.HasPrefix(g.in, []byte("\r\n")) {
		return false
	}
	g.skipped = true
	g.in = g.in[2:]
	return true
}

// announce lets the first byte of a head through.
func (g *gate) announce() {
	if g.state == atHead && !g.announced && g.in[0] != '\r' {
		g.announced = true
		g.out = append(g.out, g.in[0])
	}
}

// ended takes what ends the connection. fasthttp finds out by itself what becomes of half a head; of half a body it need not know more.
func (g *gate) ended(err error) {
	g.end = err
	switch {
	case g.found != nil || len(g.in) == 0:
	case g.state == atHead:
		g.letThrough(len(g.in))
	default:
		g.in = nil
	}
}

// refuse has fasthttp read what makes it answer at once.
func (g *gate) refuse() {
	g.fault, g.found, g.end = g.found, nil, io.EOF
	if g.state != atHead {
		g.in, g.end = nil, errRefused
		return
	}
	line, _, ok := cutLine(g.in)
	if _, fault := readRequestLine(line); !ok || fault != nil {
		first := byte('X')
		if g.announced {
			first = g.in[0]
		}
		line = append([]byte{first}, " / HTTP/1.1"...)
	}
	head := append(bytes.Clone(line), "\r\nHost: refused\r\nConnection: close\r\n\r\n"...)
	if g.announced {
		head = head[1:]
	}
	g.in, g.out = nil, head
}

// judge gives how many of the first bytes are good, and go through. It ends where more must come, or where something is wrong.
func (g *gate) judge(b []byte) (good int) {
	for good < len(b) && g.found == nil {
		n := g.step(b[good:])
		if n == 0 {
			break
		}
		good += n
	}
	return good
}

// step judges what comes next, and gives how many bytes of it go through.
func (g *gate) step(b []byte) int {
	switch g.state {
	case atHead:
		return g.head(b)
	case inBody:
		return g.data(b, atHead)
	case inChunk:
		return g.data(b, behindData)
	case atChunk:
		return g.chunk(b)
	case behindData:
		return g.dataEnd(b)
	}
	return 0
}

func (g *gate) head(b []byte) int {
	if b[0] == '\r' || b[0] == '\n' {
		if b[0] == '\n' || len(b) > 1 && (g.skipped || b[1] != '\n') {
			g.found = badHead("the request begins with an empty line")
		}
		return 0
	}
	end := endOfHead(b)
	switch {
	case end > g.most || end == 0 && len(b) > g.most:
		g.found = problemOfStatus(http.StatusRequestHeaderFieldsTooLarge)
		return 0
	case end == 0:
		return 0
	}
	body, fault := readHead(b[:end])
	if fault != nil {
		g.found = fault
		return 0
	}
	g.skipped = false
	switch {
	case body.chunked:
		g.state = atChunk
	case body.length > 0:
		g.state, g.left = inBody, body.length
	}
	return end
}

// endOfHead is where the first empty line ends, 0 if there is none; one that ends in LF alone is one, too, so that it is refused and not waited for.
func endOfHead(b []byte) int {
	for at := 0; ; {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			return 0
		}
		at += end + 1
		switch {
		case bytes.HasPrefix(b[at:], []byte("\n")):
			return at + 1
		case bytes.HasPrefix(b[at:], []byte("\r\n")):
			return at + 2
		}
	}
}

func (g *gate) data(b []byte, next gateState) int {
	n := min(uint64(len(b)), g.left)
	if g.left -= n; g.left == 0 {
		g.state = next
	}
	return int(n)
}

func (g *gate) dataEnd(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("\r\n")):
		g.state = atChunk
		return 2
	case len(b) > 1 || b[0] != '\r':
		g.found = badHead("a chunk of the request is not as long as it says")
	}
	return 0
}

// longestChunkLine is how long the line with a chunk's size may be, bytes. Nobody needs what may stand there behind the size.
const longestChunkLine = 256

// chunk judges the line with a chunk's size; of the last one with the empty line behind it: no trailers are taken.
func (g *gate) chunk(b []byte) int {
	end := bytes.IndexByte(b, '\n')
	if end < 0 && len(b) <= longestChunkLine {
		return 0
	}
	line, rest, ok := cutLine(b[:max(end+1, 0)])
	size, isSize := chunkSize(line)
	if !ok || len(rest) > 0 || end > longestChunkLine || !isSize {
		g.found = badHead("the size of a chunk of the request is none")
		return 0
	}
	end++
	if size > 0 {
		g.state, g.left = inChunk, size
		return end
	}
	switch behind := b[end:]; {
	case bytes.HasPrefix(behind, []byte("\r\n")):
		g.state = atHead
		return end + 2
	case len(behind) > 1 || len(behind) == 1 && behind[0] != '\r':
		g.found = badHead("the request has trailers, which are not taken")
	}
	return 0
}

// longestSize is how many digits the size of a chunk has at most: fasthttp takes no more.
const longestSize = 15

// chunkSize reads the line with a chunk's size (RFC 9112, section 7.1).
func chunkSize(line []byte) (size uint64, ok bool) {
	digits := 0
	for ; digits < len(line); digits++ {
		c := line[digits]
		switch {
		case c >= '0' && c <= '9':
			size = size<<4 | uint64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			size = size<<4 | uint64(c|0x20-'a'+10)
		default:
			extension := bytes.TrimLeft(line[digits:], " \t")
			return size, digits > 0 && digits <= longestSize && bytes.HasPrefix(extension, []byte(";")) && !hasControls(extension, "\t")
		}
	}
	return size, digits > 0 && digits <= longestSize
}

// faultOn is what is wrong with the request that was read last on a connection; nil: nothing.
func faultOn(of net.Conn) *Problem {
	if c := connOf(of); c != nil {
		return c.gate.fault
	}
	return nil
}
