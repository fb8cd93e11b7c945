package eventloop

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for what happens to many sockets at once, with an epoll of its own. It waits for that in the runtime's poller, as goroutines
// wait for single sockets: so a loop that waits holds no thread, and is woken without a system call.
type poller struct {
	epoll  int
	file   *os.File
	raw    syscall.RawConn
	asleep atomic.Bool // in wait, or about to be
	events [256]unix.EpollEvent
}

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	if err := unix.SetNonblock(epoll, true); err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("make an epoll non-blocking: %w", err)
	}
	p := &poller{epoll: epoll, file: os.NewFile(uintptr(epoll), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // fails where the runtime's poller does not take it
	}
	if err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("wait for an epoll: %w", err)
	}
	return p, nil
}

// add watches a socket for all that can happen to it, edge-triggered. The slot and the descriptor come with what happens: a descriptor that
// is used anew is not mistaken for the one before.
func (p *poller) add(fd, slot int32) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: fd, Pad: slot}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, int(fd), &event); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// poll gives what has happened by now.
func (p *poller) poll() []unix.EpollEvent {
	for {
		n, err := unix.EpollWait(p.epoll, p.events[:], 0)
		if !errors.Is(err, unix.EINTR) {
			return p.events[:max(n, 0)]
		}
	}
}

// wait waits for something to happen, until a time or, where that is zero, without end. It does not begin to if there is other work: what
// makes some must call wake behind it.
func (p *poller) wait(until time.Time, work func() bool) []unix.EpollEvent {
	_ = p.file.SetReadDeadline(until)
	p.asleep.Store(true)
	defer p.asleep.Store(false)
	if work() {
		return nil
	}
	var happened []unix.EpollEvent
	_ = p.raw.Read(func(uintptr) bool { // its error is that the time is over, or that it was woken
		happened = p.poll()
		return len(happened) > 0
	})
	return happened
}

// wake ends a wait.
func (p *poller) wake() {
	if p.asleep.CompareAndSwap(true, false) {
		_ = p.file.SetReadDeadline(time.Unix(1, 0))
	}
}

func (p *poller) close() { _ = p.file.Close() }
