package eventloop

import (
	"os"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/ism-chat/ism/libs/servicetest"
)

// vanish makes the client's machine deaf: its kernel drops whatever arrives for the socket before it sees it, and acknowledges nothing.
func vanish(t *testing.T, c *client) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]})
	}); err != nil || set != nil {
		t.Fatal(err, set)
	}
	runtime.KeepAlive(drop)
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		w := serve(t, over, config())
		w.open(uuid.New(), "")
		before := descriptors(t)
		for range 10 {
			var clients []*client
			for i, user := range users(100) {
				c := w.dial(request(user, ""))
				if i%2 == 0 {
					_ = c.SetLinger(0)
				}
				clients = append(clients, c)
			}
			servicetest.Await(t, "they are open", func() bool { return w.source.streams() == 101 })
			for _, c := range clients {
				_ = c.Close()
			}
			w.await(1)
		}
		servicetest.Await(t, "no descriptor is left", func() bool { return descriptors(t) <= before })
	})
}
