package eventloop

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clientAddress is the variable by which the test's own program becomes the clients of a benchmark.
const clientAddress = "ISM_BENCH_ADDRESS"

// clients are those of a benchmark, in a process of their own, so that the benchmark's own process is the server's.
type clients struct {
	b      *testing.B
	in     *bufio.Writer
	out    *bufio.Scanner
	tokens []string
}

func startClients(b *testing.B, address string) *clients {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), clientAddress+"="+address, "GOMAXPROCS=1")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = command.Wait() })
	return &clients{b: b, in: bufio.NewWriter(in), out: bufio.NewScanner(out)}
}

// ask tells the clients to do something, and gives the time that they answer with.
func (c *clients) ask(format string, args ...any) int64 {
	c.b.Helper()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		c.b.Fatal(err)
	}
	if err := c.in.Flush(); err != nil {
		c.b.Fatal(err)
	}
	return c.answer()
}

func (c *clients) answer() int64 {
	c.b.Helper()
	if !c.out.Scan() {
		c.b.Fatal("the clients have ended")
	}
	at, err := strconv.ParseInt(c.out.Text(), 10, 64)
	if err != nil {
		c.b.Fatal(err)
	}
	return at
}

// open opens so many more streams, and gives how long that took.
func (c *clients) open(n int) time.Duration {
	return time.Duration(c.ask("open %d %s", n, strings.Join(c.tokens, " ")))
}

// expect tells the clients to await so many bytes, all together. The answer, of when they have come, is that of got.
func (c *clients) expect(bytes int) { c.ask("expect %d", bytes) }

// end tells the clients that so many streams will end. The answer, of when they have, is that of got.
func (c *clients) end(n int) { c.ask("end %d", n) }

// stall makes the last clients that have opened a stream read no more.
func (c *clients) stall(n int) { c.ask("stall %d", n) }

func (c *clients) got() time.Time { return time.Unix(0, c.answer()) }

// crowd is the clients' own side.
type crowd struct {
	epoll    int
	to       unix.SockaddrInet4
	buffer   []byte
	opening  map[int32]bool
	received int
	ended    int
	opened   []int32
}

func runClients() {
	address, err := net.ResolveTCPAddr("tcp", os.Getenv(clientAddress))
	if err != nil {
		panic(err)
	}
	c := &crowd{buffer: make([]byte, 1<<20), opening: map[int32]bool{}, to: unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}}
	if c.epoll, err = unix.EpollCreate1(0); err != nil {
		panic(err)
	}
	commands := bufio.NewReader(os.Stdin)
	stdin := unix.EpollEvent{Events: unix.EPOLLIN, Fd: 0}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, 0, &stdin); err != nil {
		panic(err)
	}
	for {
		if !c.poll(-1) {
			continue
		}
		line, err := commands.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Fields(line)
		n, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "open":
			begun := time.Now()
			c.open(n, fields[2:])
			fmt.Println(int64(time.Since(begun)))
		case "stall":
			for _, fd := range c.opened[len(c.opened)-n:] {
				_ = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_DEL, int(fd), nil)
			}
			fmt.Println(0)
		case "end":
			fmt.Println(0)
			for c.ended < n {
				c.poll(-1)
			}
			fmt.Println(time.Now().UnixNano())
		case "expect":
			c.received = 0
			fmt.Println(0)
			for c.received < n {
				c.poll(-1)
			}
			fmt.Println(time.Now().UnixNano())
		}
	}
}

// open opens streams, so many at a time.
func (c *crowd) open(n int, tokens []string) {
	const atATime = 64
	for i := 0; i < n || len(c.opening) > 0; {
		for ; i < n && len(c.opening) < atATime; i++ {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err == nil {
				err = unix.Connect(fd, &c.to)
			}
			if err == nil {
				err = unix.SetNonblock(fd, true)
			}
			if err == nil {
				event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
				err = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &event)
			}
			if err != nil {
				panic(err)
			}
			request := "GET /api/sse HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\nUser-Agent: bench\r\n"
			if len(tokens) > 0 {
				request += "Authorization: Bearer " + tokens[i%len(tokens)] + "\r\n"
			}
			if _, err := unix.Write(fd, []byte(request+"\r\n")); err != nil {
				panic(err)
			}
			c.opening[int32(fd)] = true
			c.opened = append(c.opened, int32(fd))
		}
		c.poll(-1)
	}
}

// poll reads what has come. It reports whether there is a command.
func (c *crowd) poll(timeout int) (command bool) {
	var events [1024]unix.EpollEvent
	n, err := unix.EpollWait(c.epoll, events[:], timeout)
	if err != nil {
		return false
	}
	for _, event := range events[:n] {
		if event.Fd == 0 {
			command = true
			continue
		}
		for {
			n, err := unix.Read(int(event.Fd), c.buffer)
			if err != nil {
				break
			}
			if n == 0 {
				c.ended++
				_ = unix.Close(int(event.Fd))
				break
			}
			c.received += n
			if c.opening[event.Fd] {
				if !bytes.HasPrefix(c.buffer[:n], []byte("HTTP/1.1 200 OK")) {
					panic(string(c.buffer[:n]))
				}
				delete(c.opening, event.Fd)
			}
			if n < len(c.buffer) && event.Events&unix.EPOLLRDHUP == 0 {
				break
			}
		}
	}
	return command
}
