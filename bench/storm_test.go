package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

var stormStreams = flag.Int("storm", 0, "streams of BenchmarkStorm, up to the limit of file descriptors; 0: it is passed over")

const (
	streamsAUser = 100
	stormMissed  = 20 // messages that each stream has missed when it comes back
	stormTime    = 2 * time.Minute
)

// BenchmarkStorm kills the one process with SIGKILL, and has all streams come back at once when it has been started again: each with its last
// event id, behind which it has missed some messages. Each must get those, once and in order.
func BenchmarkStorm(b *testing.B) {
	if *stormStreams == 0 {
		b.Skip("-storm says how many streams")
	}
	issuer := authntest.New(b)
	d := deployment.OneProcess(b, deployment.Settings{
		"ISM_OIDC_ISSUER": issuer.URL, "ISM_OTLP_ENDPOINT": "", "ISM_LOG_LEVEL": "warn",
		"ISM_REALTIME_MAX_STREAMS": strconv.Itoa(*stormStreams + 100), "ISM_REALTIME_MAX_STREAMS_PER_USER": strconv.Itoa(streamsAUser),
	})
	for b.Loop() {
		storm(b, d, issuer)
	}
}

func storm(b *testing.B, d *deployment.Deployment, issuer *authntest.Issuer) {
	var streams []*stormStream
	var senders []func(from, to int)
	for len(streams) < *stormStreams {
		senders = append(senders, stormRoom(b, d, issuer, &streams))
	}
	all := func(do func(s *stormStream) error) {
		var work sync.WaitGroup
		for _, s := range streams {
			work.Go(func() {
				if err := do(s); err != nil {
					b.Error(err)
				}
			})
		}
		work.Wait()
	}
	begun := time.Now()
	all(func(s *stormStream) error { return s.open() })
	b.Logf("%d streams opened in %v", len(streams), time.Since(begun))
	for _, send := range senders {
		send(0, 1)
	}
	all(func(s *stormStream) error { return s.read(1) })
	all(func(s *stormStream) error { return s.conn.Close() })
	for _, send := range senders {
		send(1, 1+stormMissed)
	}
	d.Kill(b, "ism")
	d.Restart(b, "ism")
	ready := time.Now()
	took := make([]time.Duration, len(streams))
	var work sync.WaitGroup
	for i, s := range streams {
		work.Go(func() {
			if err := s.open(); err != nil {
				b.Error(err)
				return
			}
			if err := s.read(1 + stormMissed); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(ready)
		})
	}
	work.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "back-p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "back-p99-ms")
	b.ReportMetric(float64(len(streams)), "streams")
	b.ReportMetric(0, "ns/op")
	for _, s := range streams {
		_ = s.conn.Close()
	}
}

// stormRoom makes a room of ten users with their streams, and gives what sends messages there.
func stormRoom(b *testing.B, d *deployment.Deployment, issuer *authntest.Issuer, streams *[]*stormStream) (send func(from, to int)) {
	var users []uuid.UUID
	var creator *client.Client
	for range roomSize {
		user := uuid.New()
		token := issuer.Token(b, user, "storm")
		one := client.New(d.BaseURL, d.HTTP(), client.Token(token))
		if _, err := one.Rooms(b.Context()); err != nil {
			b.Fatal(err)
		}
		if creator == nil {
			creator = one
		}
		users = append(users, user)
		for range streamsAUser {
			*streams = append(*streams, &stormStream{address: strings.TrimPrefix(d.BaseURL, "http://"), token: token})
		}
	}
	room, err := creator.CreateRoom(b.Context(), client.NewRoom{Type: wire.Group, Name: "Storm", Invited: users})
	if err != nil {
		b.Fatal(err)
	}
	return func(from, to int) {
		for n := from; n < to; n++ {
			ctx, cancel := context.WithTimeout(b.Context(), stormTime)
			_, err := creator.SendText(ctx, room.ID, fmt.Sprintf("number %d.", n))
			cancel()
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// stormStream is a stream that is read as bytes.
type stormStream struct {
	address, token string
	conn           net.Conn
	lines          *bufio.Reader
	lastID         string
	got            int // messages
}

// open opens the stream behind its last id, again until the server takes it.
func (s *stormStream) open() error {
	for end := time.Now().Add(stormTime); ; time.Sleep(50 * time.Millisecond) {
		err := s.dial()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (s *stormStream) dial() error {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_ = conn.SetDeadline(time.Now().Add(stormTime))
	request := "GET /api/sse HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + s.token + "\r\n"
	if s.lastID != "" {
		request += "Last-Event-ID: " + s.lastID + "\r\n"
	}
	s.conn, s.lines = conn, bufio.NewReaderSize(conn, 1<<10)
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return errors.Join(err, conn.Close())
	}
	status, err := s.lines.ReadString('\n')
	if err != nil || !strings.Contains(status, strconv.Itoa(http.StatusOK)) {
		return errors.Join(fmt.Errorf("the answer is %q: %w", status, err), conn.Close())
	}
	return nil
}

// read reads until so many messages have come in all. Each must be the next one.
func (s *stormStream) read(messages int) error {
	for s.got < messages {
		line, err := s.lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("a line is too long: %.80q", line)
		}
		if err != nil {
			return fmt.Errorf("after %d messages: %w", s.got, err)
		}
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			s.lastID = string(bytes.TrimSpace(id))
			continue
		}
		if bytes.Contains(line, []byte(`"Resync"`)) {
			return fmt.Errorf("after %d messages: %s", s.got, line)
		}
		if !bytes.HasPrefix(line, []byte(`data: {"type":"ChatMessage"`)) {
			continue
		}
		if !bytes.Contains(line, fmt.Appendf(nil, "number %d.", s.got)) {
			return fmt.Errorf("message %d is %.200s", s.got, line)
		}
		s.got++
	}
	return nil
}
