package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// log hands each record to all edges, in one order, some time after it was written.
type log struct {
	t    *testing.T
	lag  time.Duration
	down atomic.Bool

	mu      sync.Mutex
	records []bus.Record
	edges   []*Peers
	streams []*streams
	deaf    map[int]bool // edges that have not read what is appended
	leader  int32        // the leader epoch
	read    sync.WaitGroup
}

// streams are those of an edge.
type streams struct {
	mu    sync.Mutex
	ended []uuid.UUID
	all   int // times that all were ended
}

func (s *streams) EndUser(user uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, user)
}

func (s *streams) EndAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all++
}

// take gives whose streams have been ended since it was called last, and how often all were.
func (s *streams) take() (users []uuid.UUID, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users, all = s.ended, s.all
	s.ended, s.all = nil, 0
	return users, all
}

func (l *log) Append(_ context.Context, record bus.Record) (bus.Receipt, error) {
	if l.down.Load() {
		return bus.Receipt{}, bus.ErrUnavailable
	}
	if record.Topic != events.TopicEdges {
		l.t.Errorf("written to %s", record.Topic)
	}
	eventstest.Conforms(l.t, record.Headers, record.Value)
	l.mu.Lock()
	defer l.mu.Unlock()
	record.Offset, record.LeaderEpoch = int64(len(l.records)), l.leader
	l.records = append(l.records, record)
	for i, edge := range l.edges {
		if l.deaf[i] {
			continue
		}
		begin := l.records
		l.read.Go(func() {
			time.Sleep(l.lag * time.Duration(i+1))
			l.mu.Lock()
			defer l.mu.Unlock()
			if err := edge.Handle(context.Background(), begin[len(begin)-1:]); err != nil {
				l.t.Error(err)
			}
		})
	}
	return bus.Receipt{Offset: record.Offset}, nil
}

func newLog(t *testing.T, edges int) *log {
	l := &log{t: t, lag: 5 * time.Millisecond, deaf: map[int]bool{}}
	for i := range edges {
		l.streams = append(l.streams, &streams{})
		l.edges = append(l.edges, New(l, l.streams[i], slog.New(slog.DiscardHandler)))
	}
	return l
}

func issue(t *testing.T, l *log, edge int, grant Grant) string {
	t.Helper()
	ticket, expiresAt, err := l.edges[edge].Issue(t.Context(), grant)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(expiresAt); left <= TicketLifetime-time.Second || left > TicketLifetime {
		t.Errorf("it is good for %v", left)
	}
	for _, record := range l.records {
		if strings.Contains(string(record.Value), ticket) {
			t.Error("the log has the ticket itself")
		}
	}
	return ticket
}

func someone() Grant {
	return Grant{UserID: uuid.New(), ExpiresAt: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
}

func TestATicketOpensOneStreamAtAnyEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 2)
		grant := someone()
		for edge := range l.edges {
			ticket := issue(t, l, 0, grant)
			got, err := l.edges[edge].Redeem(t.Context(), ticket) // not read yet
			if err != nil || got.UserID != grant.UserID || !got.ExpiresAt.Equal(grant.ExpiresAt) {
				t.Errorf("edge %d: %+v, %v", edge, got, err)
			}
			for again := range l.edges {
				if _, err := l.edges[again].Redeem(t.Context(), ticket); !errors.Is(err, ErrNoTicket) {
					t.Errorf("once more at %d: %v", again, err)
				}
			}
		}
		l.read.Wait()
	})
}

func TestOfManyWhoShowATicketOneGetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 3)
		for range 20 {
			ticket := issue(t, l, 0, someone())
			var in atomic.Int32
			var work sync.WaitGroup
			for i := range 12 {
				work.Go(func() {
					switch _, err := l.edges[i%3].Redeem(t.Context(), ticket); {
					case err == nil:
						in.Add(1)
					case !errors.Is(err, ErrNoTicket):
						t.Error(err)
					}
				})
			}
			work.Wait()
			if in.Load() != 1 {
				t.Errorf("%d got in", in.Load())
			}
		}
		l.read.Wait()
	})
}

func TestATicketExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 1)
		early, late := issue(t, l, 0, someone()), issue(t, l, 0, someone())
		time.Sleep(TicketLifetime - time.Second)
		if _, err := l.edges[0].Redeem(t.Context(), early); err != nil {
			t.Errorf("before its time is over: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := l.edges[0].Redeem(t.Context(), late); !errors.Is(err, ErrNoTicket) {
			t.Errorf("behind it: %v", err)
		}
		issue(t, l, 0, someone())
		l.read.Wait()
		if n := len(l.edges[0].tickets); n != 1 || len(l.edges[0].perUser) != 1 {
			t.Errorf("%d tickets are kept", n)
		}
	})
}

func TestWhatIsNoTicketIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 1)
		for _, ticket := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 1<<20), digestOf(issue(t, l, 0, someone()))} {
			if _, err := l.edges[0].Redeem(t.Context(), ticket); !errors.Is(err, ErrNoTicket) {
				t.Errorf("%.50q: %v", ticket, err)
			}
		}
		l.read.Wait()
		if len(l.records) != 1 {
			t.Errorf("what is no ticket was claimed: %d records", len(l.records))
		}
	})
}

func TestTicketsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 1)
		grant := someone()
		for range maxTicketsPerUser {
			issue(t, l, 0, grant)
			l.read.Wait()
		}
		if _, _, err := l.edges[0].Issue(t.Context(), grant); !errors.Is(err, ErrTooManyTickets) {
			t.Errorf("one too many: %v", err)
		}
		issue(t, l, 0, someone()) // others are not concerned
		time.Sleep(TicketLifetime)
		issue(t, l, 0, grant)
		l.read.Wait()
	})
}

func TestMemoryForTicketsIsBounded(t *testing.T) {
	p := newLog(t, 1).edges[0]
	now := time.Now()
	for i := range maxTickets + 100 {
		p.issued(now, events.TicketIssued{
			Digest: fmt.Sprint(i), UserID: uuid.UUID{byte(i), byte(i >> 8), byte(i >> 16), 1}, ExpiresAt: wire.At(now.Add(time.Hour)), TokenExpiresAt: wire.At(now.Add(time.Hour)),
		}, 0)
	}
	if len(p.tickets) != maxTickets || len(p.order) != maxTickets || len(p.perUser) != maxTickets {
		t.Errorf("%d tickets, %d in order, of %d users", len(p.tickets), len(p.order), len(p.perUser))
	}
	if _, _, err := p.Issue(t.Context(), someone()); !errors.Is(err, ErrTooManyTickets) {
		t.Errorf("%v", err)
	}
}

func TestWhileTheLogIsDownTheCallerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 1)
		ticket := issue(t, l, 0, someone())
		l.read.Wait()
		l.down.Store(true)
		if _, _, err := l.edges[0].Issue(t.Context(), someone()); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("issue: %v", err)
		}
		if _, err := l.edges[0].Redeem(t.Context(), ticket); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("redeem: %v", err)
		}
		if err := l.edges[0].Disconnect(t.Context(), uuid.New()); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("disconnect: %v", err)
		}
		l.down.Store(false)
		if _, err := l.edges[0].Redeem(t.Context(), ticket); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		l.lag = time.Hour // the claim is written and not read
		other := issue(t, l, 0, someone())
		if _, err := l.edges[0].Redeem(t.Context(), other); !errors.Is(err, ErrNoTicket) {
			t.Errorf("a ticket that was not read: %v", err)
		}
		l.read.Wait()
	})
}

func TestDisconnectReachesAllEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, 3)
		user := uuid.New()
		if err := l.edges[1].Disconnect(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		l.read.Wait()
		for edge, of := range l.streams {
			if users, all := of.take(); !slices.Equal(users, []uuid.UUID{user}) || all != 0 {
				t.Errorf("edge %d ended the streams of %v, and all %d times", edge, users, all)
			}
		}
	})
}

func TestWhatCannotBeReadIsPassedOver(t *testing.T) {
	l := newLog(t, 1)
	l.lag = 0
	err := l.edges[0].Handle(t.Context(), []bus.Record{
		{Headers: map[string]string{"ce_specversion": "1.0", "ce_type": "com.example.other"}},
		{Offset: 7, Headers: map[string]string{"ce_specversion": "1.0", "ce_type": "ism.ticket.issued.v1"}, Value: []byte("{")},
	})
	if !errors.Is(err, events.ErrMalformed) || !strings.Contains(err.Error(), "offset 7") {
		t.Errorf("%v", err)
	}
	issue(t, l, 0, someone())
	l.read.Wait()
	if len(l.edges[0].tickets) != 1 {
		t.Error("what comes behind is not read")
	}
}

// FuzzRedeem shows any text as a ticket, while one is there: that alone opens a stream, once.
func FuzzRedeem(f *testing.F) {
	for _, seed := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 42) + "=", strings.Repeat("_", 43), strings.Repeat("A", 1000), "\xff" + strings.Repeat("\x00", 42)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		synctest.Test(t, func(t *testing.T) {
			l, alice := newLog(t, 1), someone()
			ticket := issue(t, l, 0, alice)
			for _, forged := range []string{text, ticket + text, text + ticket, digestOf(ticket)} {
				if _, err := l.edges[0].Redeem(t.Context(), forged); forged != ticket && !errors.Is(err, ErrNoTicket) {
					t.Errorf("%q: %v", forged, err)
				}
			}
			grant, err := l.edges[0].Redeem(t.Context(), ticket)
			if text != "" && (err != nil || grant != alice) { // with the empty text it has been shown before
				t.Errorf("the ticket itself, behind %q: %+v, %v", text, grant, err)
			}
			if _, err := l.edges[0].Redeem(t.Context(), ticket); !errors.Is(err, ErrNoTicket) {
				t.Errorf("the ticket again: %v", err)
			}
			l.read.Wait()
		})
	})
}
