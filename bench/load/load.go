// Package load drives a messenger open-loop: messages leave at their appointed times, however long earlier ones take, so that a
// messenger that stalls is charged for all who wait (no coordinated omission).
//
// It shares the machine with what it measures, so it does as little as it can: requests are written and streams are read as bytes, and a
// message is known by a mark in its text. Ids of streams are not looked at.
package load

import (
	"context"
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
	Issuer   string   // gives tokens by the password grant, where Token is nil
	ClientID string   // of the password grant
	Users    []string // names, each its own password; all of them listen
	RoomSize int      // users a room
	Rate     int      // messages a second, over all rooms
	Duration time.Duration
	WarmUp   time.Duration // sent at the same rate before, not counted
	// Token gives a user's access token; nil: the password grant does.
	Token func(ctx context.Context, name string) (string, error)
}

// Result is what was measured.
type Result struct {
	BaseURL   string         `json:"baseUrl"`
	Rate      int            `json:"messagesPerSecond"`
	Users     int            `json:"users"`
	RoomSize  int            `json:"roomSize"`
	Duration  time.Duration  `json:"durationNanoseconds"`
	Sent      int            `json:"sent"`
	Failed    int            `json:"failed"`
	Failures  map[string]int `json:"failures,omitempty"` // by the answer's status, or what went wrong
	Sustained float64        `json:"sustainedPerSecond"` // acknowledged, from the first counted send to the last answer
	Expected  int            `json:"deliveriesExpected"`
	Delivered int            `json:"delivered"`
	Repeated  int            `json:"repeated"`      // deliveries of a message to a user who has had it
	Ack       Quantiles      `json:"sendToAck"`     // from the appointed time of sending to the answer
	Delivery  Quantiles      `json:"sendToDeliver"` // from the appointed time of sending to each recipient's stream
	Seconds   []Second       `json:"seconds,omitempty"`
}

const (
	// deliveryTimeout is how long after the last answer its deliveries are waited for.
	deliveryTimeout = 15 * time.Second
	// joining is how many users are prepared at once.
	joining = 8
)

// Run puts load on a messenger and measures it.
func Run(ctx context.Context, o Options) (Result, error) {
	session, err := Join(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer session.Close()
	return session.Measure(ctx, o.Rate, o.WarmUp, o.Duration)
}

// Session is a number of users in their rooms, each with an open stream.
type Session struct {
	options      Options
	http         *http.Client
	connections  *connections
	participants []*participant
	readers      sync.WaitGroup
	closing      sync.Once
}

type participant struct {
	id     uuid.UUID
	token  string
	client *client.Client
	room   uuid.UUID
	stream *listener
	head   []byte // of the request that sends a message
}

// Join signs users in, puts them into rooms and opens their streams. Close the session.
func Join(ctx context.Context, o Options) (*Session, error) {
	return join(ctx, o, &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true})
}

func join(ctx context.Context, o Options, transport http.RoundTripper) (*Session, error) {
	if o.RoomSize < 2 || len(o.Users) < o.RoomSize {
		return nil, errors.New("at least one room of two users is needed")
	}
	to, err := newConnections(o.BaseURL)
	if err != nil {
		return nil, err
	}
	s := &Session{options: o, http: &http.Client{Transport: transport}, connections: to}
	if err := s.prepare(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the streams and all connections.
func (s *Session) Close() {
	s.closing.Do(func() {
		for _, p := range s.participants {
			if p.stream != nil {
				p.stream.close()
			}
		}
		s.readers.Wait()
		s.connections.close()
		s.http.CloseIdleConnections()
	})
}

func (s *Session) prepare(ctx context.Context) error {
	count := len(s.options.Users) / s.options.RoomSize * s.options.RoomSize
	s.participants = make([]*participant, count)
	if err := each(count, func(i int) (err error) {
		s.participants[i], err = s.signIn(ctx, s.options.Users[i])
		return err
	}); err != nil {
		s.participants = nil
		return err
	}
	if err := each(count/s.options.RoomSize, func(i int) error {
		return s.createRoom(ctx, s.participants[i*s.options.RoomSize:(i+1)*s.options.RoomSize])
	}); err != nil {
		return err
	}
	return each(count, func(i int) error { return s.listen(ctx, s.participants[i]) })
}

// each does what is to be done for 0 to n-1, some at once, and gives an error of them.
func each(n int, do func(i int) error) error {
	var (
		work   sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	slots := make(chan struct{}, joining)
	for i := range n {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if err := do(i); err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return failed
}

// signIn also lets the messenger meet the user, as every client does by listing its rooms.
func (s *Session) signIn(ctx context.Context, name string) (*participant, error) {
	give := s.options.Token
	if give == nil {
		give = func(ctx context.Context, name string) (string, error) {
			token, _, err := client.PasswordToken(ctx, s.http, s.options.Issuer, s.options.ClientID, name, name)
			return token, err
		}
	}
	token, err := give(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("sign %s in: %w", name, err)
	}
	id, err := client.Subject(token)
	if err != nil {
		return nil, fmt.Errorf("sign %s in: %w", name, err)
	}
	p := &participant{id: id, token: token, client: client.New(s.options.BaseURL, s.http, client.Token(token))}
	if _, err := p.client.Rooms(ctx); err != nil {
		return nil, fmt.Errorf("list the rooms of %s: %w", name, err)
	}
	return p, nil
}

func (s *Session) createRoom(ctx context.Context, members []*participant) error {
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
		p.head = s.connections.head(p.token)
	}
	return nil
}

// Table is the result for people to read.
func (r Result) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d messages/s for %v, %d users in rooms of %d\n", r.BaseURL, r.Rate, r.Duration, r.Users, r.RoomSize)
	fmt.Fprintf(&b, "sent %d, failed %d, delivered %d of %d, sustained %.0f/s\n", r.Sent, r.Failed, r.Delivered, r.Expected, r.Sustained)
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
