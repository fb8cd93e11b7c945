// Package load drives a messenger open-loop: messages leave at their appointed times, however long earlier ones take, so that a
// messenger that stalls is charged for all who wait (no coordinated omission).
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

// Options say what load is put on which messenger.
type Options struct {
	BaseURL  string
	Issuer   string // gives tokens by the password grant
	ClientID string
	Users    []string // names, each its own password; all of them listen
	RoomSize int      // users a room
	Rate     int      // messages a second, over all rooms
	Duration time.Duration
	WarmUp   time.Duration // sent at the same rate before, not counted
}

// Result is what was measured.
type Result struct {
	BaseURL   string        `json:"baseUrl"`
	Rate      int           `json:"messagesPerSecond"`
	Users     int           `json:"users"`
	RoomSize  int           `json:"roomSize"`
	Duration  time.Duration `json:"durationNanoseconds"`
	Sent      int           `json:"sent"`
	Failed    int           `json:"failed"`
	Expected  int           `json:"deliveriesExpected"`
	Delivered int           `json:"delivered"`
	Ack       Quantiles     `json:"sendToAck"`     // from the appointed time of sending to the answer
	Delivery  Quantiles     `json:"sendToDeliver"` // from the appointed time of sending to each recipient's stream
}

// deliveryTimeout is how long after the last send its deliveries are waited for.
const deliveryTimeout = 15 * time.Second

// Run puts load on a messenger and measures it.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.RoomSize < 2 || len(o.Users) < o.RoomSize || o.Rate < 1 {
		return Result{}, errors.New("at least one room of two users and one message a second are needed")
	}
	httpClient := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
	defer httpClient.CloseIdleConnections()
	run := &run{Options: o, http: httpClient, appointed: map[string]time.Time{}}
	if err := run.prepare(ctx); err != nil {
		return Result{}, err
	}
	defer run.close()
	return run.measure(ctx)
}

type participant struct {
	id     uuid.UUID
	client *client.Client
	stream *client.Stream
	room   uuid.UUID
}

type run struct {
	Options
	http         *http.Client
	participants []*participant

	mu        sync.Mutex
	appointed map[string]time.Time // by text, of counted messages
	acks      []time.Duration
	delivered []time.Duration
	failed    int
	lastErr   error

	readers sync.WaitGroup
}

// prepare signs the users in, puts them into rooms and opens their streams.
func (r *run) prepare(ctx context.Context) error {
	for _, name := range r.Users {
		token, _, err := client.PasswordToken(ctx, r.http, r.Issuer, r.ClientID, name, name)
		if err != nil {
			return fmt.Errorf("sign %s in: %w", name, err)
		}
		id, err := client.Subject(token)
		if err != nil {
			return fmt.Errorf("sign %s in: %w", name, err)
		}
		p := &participant{id: id, client: client.New(r.BaseURL, r.http, client.Token(token))}
		if _, err := p.client.Rooms(ctx); err != nil {
			return fmt.Errorf("list the rooms of %s: %w", name, err)
		}
		r.participants = append(r.participants, p)
	}
	r.participants = r.participants[:len(r.participants)/r.RoomSize*r.RoomSize]
	for first := 0; first < len(r.participants); first += r.RoomSize {
		members := r.participants[first : first+r.RoomSize]
		var invited []uuid.UUID
		for _, p := range members {
			invited = append(invited, p.id)
		}
		room, err := members[0].client.CreateRoom(ctx, client.NewRoom{Type: wire.Group, Name: "Load", Invited: invited})
		if err != nil {
			return fmt.Errorf("create a room: %w", err)
		}
		for _, p := range members {
			p.room = room.ID
		}
	}
	for _, p := range r.participants {
		stream, err := p.client.Stream(ctx, "")
		if err != nil {
			return fmt.Errorf("open a stream: %w", err)
		}
		p.stream = stream
		r.readers.Go(func() { r.read(p) })
	}
	return nil
}

func (r *run) close() {
	for _, p := range r.participants {
		if p.stream != nil {
			p.stream.Close()
		}
	}
	r.readers.Wait()
}

func (r *run) read(p *participant) {
	for {
		event, err := p.stream.Next()
		if err != nil {
			return
		}
		if event.Type != "ChatMessage" {
			continue
		}
		var chat wire.ChatMessage
		var body wire.TextBody
		if json.Unmarshal(event.Data, &chat) != nil || json.Unmarshal(chat.Message.Body, &body) != nil {
			continue
		}
		r.mu.Lock()
		if start, ok := r.appointed[body.Text]; ok {
			r.delivered = append(r.delivered, event.At.Sub(start))
		}
		r.mu.Unlock()
	}
}

func (r *run) measure(ctx context.Context) (Result, error) {
	mark := uuid.NewString()
	warm := int(r.WarmUp.Seconds() * float64(r.Rate))
	counted := int(r.Duration.Seconds() * float64(r.Rate))
	begin := time.Now()
	var sends sync.WaitGroup
	for i := range warm + counted {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(r.Rate))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			sends.Wait()
			return Result{}, fmt.Errorf("measure: %w", ctx.Err())
		}
		sender := r.participants[i%len(r.participants)]
		sends.Go(func() { r.send(ctx, sender, fmt.Sprintf("%s %d", mark, i), due, i >= warm) })
	}
	sends.Wait()
	expected := (counted - r.failed) * r.RoomSize
	for deadline := time.Now().Add(deliveryTimeout); r.deliveries() < expected && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastErr != nil && r.failed == counted {
		return Result{}, fmt.Errorf("measure: no message was sent: %w", r.lastErr)
	}
	return Result{
		BaseURL: r.BaseURL, Rate: r.Rate, Users: len(r.participants), RoomSize: r.RoomSize, Duration: r.Duration,
		Sent: counted, Failed: r.failed, Expected: expected, Delivered: len(r.delivered),
		Ack: quantiles(r.acks), Delivery: quantiles(r.delivered),
	}, nil
}

func (r *run) deliveries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delivered)
}

func (r *run) send(ctx context.Context, from *participant, text string, due time.Time, counts bool) {
	if counts {
		r.mu.Lock()
		r.appointed[text] = due
		r.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := from.client.SendText(ctx, from.room, text)
	took := time.Since(due)
	if !counts {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
		r.lastErr = err
		delete(r.appointed, text)
		return
	}
	r.acks = append(r.acks, took)
}

// Table is the result for people to read.
func (r Result) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d messages/s for %v, %d users in rooms of %d\n", r.BaseURL, r.Rate, r.Duration, r.Users, r.RoomSize)
	fmt.Fprintf(&b, "sent %d, failed %d, delivered %d of %d\n", r.Sent, r.Failed, r.Delivered, r.Expected)
	fmt.Fprintf(&b, "%-15s %9s %9s %9s %9s\n", "milliseconds", "p50", "p90", "p99", "max")
	for _, row := range []struct {
		name string
		q    Quantiles
	}{{"send → ack", r.Ack}, {"send → deliver", r.Delivery}} {
		fmt.Fprintf(&b, "%-15s %9.1f %9.1f %9.1f %9.1f\n", row.name, row.q.P50, row.q.P90, row.q.P99, row.q.Max)
	}
	return b.String()
}

// Names are the names of n users: u01, u02, …
func Names(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("u%02d", i+1)
	}
	return names
}
