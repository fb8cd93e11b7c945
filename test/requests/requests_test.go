// Package requests counts what the messenger asks of the broker: that is what a message costs first, on a busy machine.
package requests

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	settled = 6 * time.Second // the services' clients tell of themselves every five seconds
	window  = 15 * time.Second
	rate    = 100 // messages a second

	produceAMessage = 1.1
	fetchAMessage   = 2.5
	// atRest is a second: one for each reader, and between one and two for each consumer group, of which notifications has one since it keeps inboxes, and
	// media one for what shows media: 12.0 with it, as measured. One in two seconds of each process is to know who was signed out.
	atRest = 15.0
)

// At a given rate a message may cost the broker so many requests, all services together; and silence nearly none.
func TestRequestsToTheBroker(t *testing.T) {
	d := deployment.FiveProcesses(t)
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	var rooms []uuid.UUID
	for i := range 20 {
		room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: fmt.Sprint(i), Invited: []uuid.UUID{alice.ID, bob.ID}})
		if err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, room.ID)
	}
	bob.Listen(t)
	for _, room := range rooms { // who is in them is known from now on
		if _, err := alice.SendText(t.Context(), room, "first"); err != nil {
			t.Fatal(err)
		}
	}

	wait(settled)
	before := count(t, d)
	wait(window)
	quiet := count(t, d).since(before)
	t.Logf("at rest, in %v: %v", window, quiet)
	if got := quiet.all() / window.Seconds(); got > atRest {
		t.Errorf("%.1f requests a second at rest, at most %.1f are allowed", got, atRest)
	}

	before = count(t, d)
	sent, failed := send(t, alice, rooms, window)
	wait(settled)
	busy := count(t, d).since(before)
	t.Logf("for %d messages, %d of which failed: %v", sent, failed, busy)
	if sent < rate*int(window.Seconds())*8/10 || failed > sent/20 { // it counts requests, whatever else is at work here
		t.Skipf("NOT PROVED: this machine sends only %d messages in %v, and %d fail", sent, window, failed)
	}
	for api, most := range map[string]float64{"Produce": produceAMessage, "Fetch": fetchAMessage} {
		if got := busy[api] / float64(sent); got > most {
			t.Errorf("%.2f %s requests a message, at most %.2f are allowed", got, api, most)
		}
	}
}

// wait lets the messenger run for a while: it is what is measured.
func wait(d time.Duration) { <-time.After(d) }

// send sends messages at the rate, each when it is due, and gives how many there were, and how many failed.
func send(t *testing.T, user *deployment.User, rooms []uuid.UUID, length time.Duration) (sent, failed int) {
	t.Helper()
	due := time.NewTicker(time.Second / rate)
	defer due.Stop()
	answers := make(chan error, 1000)
	answered := func(err error) {
		sent++
		if err != nil {
			failed++
			t.Logf("send: %v", err)
		}
	}
	begun := 0
	for end := time.After(length); ; {
		select {
		case <-due.C:
			room := rooms[begun%len(rooms)]
			begun++
			go func() {
				_, err := user.SendText(t.Context(), room, "counted")
				answers <- err
			}()
			continue
		case err := <-answers:
			answered(err)
			continue
		case <-end:
		}
		break
	}
	for sent < begun {
		answered(<-answers)
	}
	return sent, failed
}

// requests are those to the broker, by Kafka's name of the API.
type requests map[string]float64

func (r requests) since(before requests) requests {
	more := requests{}
	for api, n := range r {
		if n > before[api] {
			more[api] = n - before[api]
		}
	}
	return more
}

func (r requests) all() (n float64) {
	for _, of := range r {
		n += of
	}
	return n
}

// count reads how many requests all services have made.
func count(t *testing.T, d *deployment.Deployment) requests {
	t.Helper()
	total := requests{}
	for service, address := range d.Internal {
		response, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			t.Fatalf("read the metrics of %s: %v", service, err)
		}
		if err := total.add(response.Body); err != nil {
			t.Fatalf("read the metrics of %s: %v", service, err)
		}
	}
	if len(total) == 0 {
		t.Fatal("no service counts its requests to Kafka")
	}
	return total
}

// add adds what a page of metrics counts.
func (r requests) add(page io.ReadCloser) error {
	defer page.Close()
	lines := bufio.NewScanner(page)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		metric, ours := strings.CutPrefix(lines.Text(), "ism_kafka_requests_total{")
		labels, value, _ := strings.Cut(metric, "} ")
		_, api, found := strings.Cut(labels, `api="`)
		if !ours || !found {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		api, _, _ = strings.Cut(api, `"`)
		r[api] += n
	}
	return lines.Err()
}
