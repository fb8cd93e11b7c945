package messages_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
)

// BenchmarkSend sends one message after the other, by HTTP, on Kafka and Cassandra. What it counts is the whole of the process: the send, and what the readers of the
// log do about it.
//
//	plain   without a name
//	named   with an Idempotency-Key of its own: one read of the store more, and in the consumer group another
func BenchmarkSend(b *testing.B) {
	s, err := cassandra.New(cassandratest.Config(b), cassandra.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, enginetest.KafkaBrokers(b), s)
	for _, kind := range []string{"plain", "named"} {
		b.Run(kind, func(b *testing.B) {
			room, user := w.newRoom()
			open := openConnection(b, w, user, room)
			b.ReportAllocs()
			for b.Loop() {
				key := ""
				if kind == "named" {
					key = uuid.NewString()
				}
				open.send(b, key)
			}
		})
	}
}

// connection is one on which sends go out with as little work as can be.
type connection struct {
	conn    net.Conn
	answers *bufio.Reader
	head    string
	body    string
}

func openConnection(b *testing.B, w *world, user, room uuid.UUID) *connection {
	b.Helper()
	host := strings.TrimPrefix(w.base, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"A message as long as many are, of some sixty characters."}}`, room)
	head := fmt.Sprintf("POST /api/send-msg HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		host, w.issuer.Token(b, user, tokenName), len(body))
	return &connection{conn: conn, answers: bufio.NewReader(conn), head: head, body: body}
}

func (c *connection) send(b *testing.B, key string) {
	request := c.head
	if key != "" {
		request += "Idempotency-Key: " + key + "\r\n"
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"+c.body); err != nil {
		b.Fatal(err)
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		b.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(answer.Body)
		b.Fatalf("%s: %s", answer.Status, said)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		b.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		b.Fatal(err)
	}
}
