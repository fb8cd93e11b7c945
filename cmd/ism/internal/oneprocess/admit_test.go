package oneprocess

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// reach asks the broker for its topics.
func reach(t *testing.T, b *broker, options ...kgo.Opt) error {
	t.Helper()
	client, err := kgo.NewClient(append(options, b.seeds(), kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	return err
}

func TestTheBrokerAnswersThisProcessAlone(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	for name, login := range map[string][]kgo.Opt{
		"without a password":    nil,
		"with another password": {kgo.SASL(scram.Auth{User: brokerUser, Pass: "admin"}.AsSha256Mechanism())},
		"with none":             {kgo.SASL(scram.Auth{User: brokerUser, Pass: " "}.AsSha256Mechanism())},
		"as the broker's own":   {kgo.SASL(scram.Auth{User: "admin", Pass: "admin"}.AsSha256Mechanism())},
		"by another mechanism":  {kgo.SASL(scram.Auth{User: brokerUser, Pass: b.password.Reveal()}.AsSha512Mechanism())},
		"by PLAIN":              {kgo.SASL(plain.Auth{User: brokerUser, Pass: b.password.Reveal()}.AsMechanism())},
	} {
		if err := reach(t, b, login...); err == nil {
			t.Errorf("%s: it answers", name)
		}
	}
	if err := reach(t, b, b.login()); err != nil {
		t.Errorf("with the password: %v", err)
	}
}

// What the broker keeps of who may connect is not what decides at the next start: a version before has kept nobody.
func TestAPasswordIsForOneStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, credentialsFile), []byte(`{"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	first := open(t, dir)
	former := first.login()
	if err := reach(t, first, former); err != nil {
		t.Fatalf("after a version without passwords: %v", err)
	}
	second := first.restarted(t)
	if err := reach(t, second, former); err == nil {
		t.Error("the password of the start before is taken")
	}
	if err := reach(t, second, second.login()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// request is a request's length and kind, and so many bytes behind them.
func request(length uint32, kind int16, behind int) []byte {
	raw := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(nil, length), uint16(kind))
	return append(raw, make([]byte, behind)...)
}

func TestTheBrokerOutlivesStrangers(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	for name, said := range map[string][]byte{
		"an unknown kind":     request(10, 9999, 8),
		"a negative kind":     request(10, -1, 8),
		"4 GiB":               request(1<<32-1, 18, 8),
		"too much":            request(strangersBytes+1, 18, 8),
		"nothing":             request(0, 18, 0),
		"half a kind":         request(1, 18, 0),
		"a browser":           []byte("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
		"metadata at once":    request(10, kmsg.Metadata.Int16(), 8),
		"nonsense of a login": request(30, kmsg.SASLAuthenticate.Int16(), 28),
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", b.cluster.ListenAddrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			if err := connection.SetDeadline(time.Now().Add(admitWithin / 2)); err != nil {
				t.Fatal(err)
			}
			if _, err := connection.Write(said); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(connection)
			if len(answer) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("answered %d bytes, %v", len(answer), err)
			}
		})
	}
	if err := reach(t, b, b.login()); err != nil {
		t.Errorf("afterwards it does not answer: %v", err)
	}
}

// said is a connection that has said all that it says.
type said struct {
	net.Conn

	content io.Reader
}

func (s said) Read(into []byte) (int, error) { return s.content.Read(into) }

func (said) SetReadDeadline(time.Time) error { return nil }

func TestRequestsPassAsTheyAre(t *testing.T) {
	t.Parallel()
	login := bytes.Join([][]byte{request(40, 18, 38), request(12, 17, 10), request(2, 36, 0), request(100, 36, 98)}, nil)
	large := request(strangersBytes+1, kmsg.Produce.Int16(), strangersBytes-1)
	for name, c := range map[string]struct {
		said   []byte
		passes int
	}{
		"a client":               {append(bytes.Clone(login), large...), len(login) + len(large)},
		"before it is proven":    {append(bytes.Clone(login[:44+16+6]), large...), 44 + 16 + 6},
		"an unknown kind behind": {append(bytes.Clone(login), request(10, 9999, 8)...), len(login)},
		"too much behind":        {append(bytes.Clone(login), request(requestBytes+1, 0, 8)...), len(login)},
	} {
		for _, chunk := range []int{1, 3, 4096} {
			connection := &admittedConn{Conn: said{content: bytes.NewReader(c.said)}}
			var passed []byte
			var err error
			for buffer := make([]byte, chunk); err == nil; {
				var n int
				n, err = connection.Read(buffer)
				passed = append(passed, buffer[:n]...)
			}
			whole := c.passes == len(c.said)
			if !bytes.Equal(passed, c.said[:c.passes]) || errors.Is(err, errNotAdmitted) == whole {
				t.Errorf("%s, %d at once: %d bytes of %d pass, %v", name, chunk, len(passed), c.passes, err)
			}
		}
	}
}

func TestSecretsOfTheBrokerAreNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b, err := startBroker(t.TempDir(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	err = reach(t, b, b.login())
	b.Close()
	if err != nil || bytes.Contains(log.Bytes(), []byte(b.password.Reveal())) {
		t.Errorf("the password is logged, or %v", err)
	}
}
