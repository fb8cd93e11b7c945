package eventloop

import (
	"encoding/binary"
	"net"
	"runtime"
	"sync"
)

// maxLoops is how many loops there are at most. They share the processors with the rest of the process.
const maxLoops = 4

// loops are the event loops of a server. They start with the first connection.
type loops struct {
	host *host

	mu  sync.Mutex
	all []*loop
}

func newLoops(h *host) *loops { return &loops{host: h} }

func (s *loops) take(c *connection, conn net.Conn) error {
	all, err := s.started()
	if err != nil {
		return err
	}
	// Users share the loops by their ids. All of a user's streams are in one.
	hash := binary.LittleEndian.Uint64(c.user[:8]) ^ binary.LittleEndian.Uint64(c.user[8:])
	hash ^= hash >> 32
	return all[hash%uint64(len(all))].take(c, conn)
}

func (s *loops) carry(*connection) {}

func (s *loops) started() ([]*loop, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != nil {
		return s.all, nil
	}
	var all []*loop
	for range min(maxLoops, runtime.GOMAXPROCS(0)) {
		l, err := newLoop(s.host)
		if err != nil {
			for _, made := range all {
				made.poller.close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	for _, l := range all {
		go l.run()
	}
	s.all = all
	return all, nil
}

func (s *loops) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.all {
		l.stop()
	}
	s.all = nil
}

func (s *loops) loops() []Loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make([]Loop, 0, len(s.all))
	for _, l := range s.all {
		counts = append(counts, Loop{Streams: int(l.streams.Load())})
	}
	return counts
}
