// Package realtime is the service of live event streams. Its edge reads what happens from the logs themselves, and writes it to the open
// streams of those who may see it.
package realtime

import (
	"context"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/signouts"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/eventloop"
	"github.com/ism-chat/ism/services/realtime/internal/online"
	"github.com/ism-chat/ism/services/realtime/internal/peers"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Deps is what the service is handed.
type Deps struct {
	Telemetry *telemetry.Telemetry
	Verifier  *authn.Verifier
	Bus       *bus.Bus
	// SignOuts are whose streams end. Nil: nobody is signed out.
	SignOuts *signouts.SignOuts
	// Draining is closed when the process begins to stop: polls answer then. Nil: they are waited for.
	Draining <-chan struct{}
}

// Service is the realtime service.
type Service struct {
	cfg         Config
	deps        Deps
	edge        *edge.Edge
	peers       *peers.Peers
	online      *online.Announcer
	streams     streams
	memberships chan struct{}          // closed once it is known who is in large rooms
	opened      chan []bus.Incarnation // has the logs once the edge has opened them
	look        time.Duration          // how often it is looked whether they are still the same
	waiting     waitingPolls
	polls       chan struct{} // has a token for each poll under way
	appender    *bus.Appender // of what this edge tells the others
}

var _ deployable.Service = (*Service)(nil)

// streams carries event streams to their clients.
type streams interface {
	// Serve answers a request with a stream, which lives on when Serve has returned. Its errors are problems.
	Serve(c *fiber.Ctx, request eventloop.Request) error
	// EndUser ends the open streams of a user, with a last event that says why. It does not wait.
	EndUser(user uuid.UUID, reason stream.Reason)
	// EndSignedOut ends the streams whose sessions have been ended: of the user or, where that is nil, of all. It does not wait.
	EndSignedOut(user uuid.UUID)
	// EndAll ends all streams, whose clients come back. It does not wait.
	EndAll()
	// Snapshot is what is carried now.
	Snapshot() eventloop.Snapshot
	// Drain ends all streams and waits for them. When ctx is done it cuts what is left.
	Drain(ctx context.Context)
}

const (
	// margin is how much further back than its ring reaches an edge reads at its start, to know repeats for what they are.
	margin = time.Minute
	// membershipReach is how far back an edge reads at least, to know of all changes of memberships of which a sender may not know yet: messages
	// uses no membership that is older than a minute, and a send takes some seconds at most.
	membershipReach = 2 * time.Minute
	// tellTimeout is how long it may take to append what this edge tells.
	tellTimeout = 3 * time.Second
	// maxBatch is how many records the edge takes at once.
	maxBatch = 200
	// reconnect is how long clients wait before they come back.
	reconnect = 2 * time.Second
	// startTimeout is how long a request waits for an edge that is starting. A browser that is refused never comes back
	// (HTML standard, section 9.2.3), so it is better to wait.
	startTimeout = 5 * time.Second
	// drainTimeout is how long streams may take to write their last events.
	drainTimeout = 5 * time.Second
	// silentTimeout is how long a client's machine may acknowledge nothing of what is written. At most a keep-alive later a machine that has
	// vanished is written to, so with the default of that it is given up after 35 seconds.
	silentTimeout = 20 * time.Second
)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	announcer := online.New(deps.Telemetry)
	holder, err := edge.New(edge.Config{
		Limits:    ring.Limits{Window: cfg.RingWindow, Margin: margin, Records: cfg.RingRecords, Bytes: cfg.RingBytes},
		Audiences: cfg.AudienceBytes,
		Changed:   announcer.Changed,
	}, deps.Bus.Tracing(""), deps.Telemetry)
	if err != nil {
		return nil, err
	}
	appender, err := deps.Bus.NewAppender(bus.AppenderConfig{Topics: []string{events.TopicEdges}, Timeout: tellTimeout})
	if err != nil {
		return nil, fmt.Errorf("make the appender of what edges tell: %w", err)
	}
	s := &Service{
		cfg: cfg, deps: deps, edge: holder, online: announcer, appender: appender,
		memberships: make(chan struct{}), opened: make(chan []bus.Incarnation, 1), look: bus.LookEvery, polls: make(chan struct{}, cfg.MaxPolls),
	}
	s.streams = eventloop.New(eventloop.Config{
		Config: stream.Config{
			KeepAlive:    cfg.KeepAlive,
			WriteTimeout: cfg.WriteTimeout,
			Retry:        reconnect,
			QueueEvents:  cfg.QueueEvents,
			QueueBytes:   cfg.QueueBytes,
		},
		MaxStreams: cfg.MaxStreams,
		MaxPerUser: cfg.MaxStreamsPerUser,
		Silent:     silentTimeout,
		DrainOver:  cfg.Drain,
		SignedOut:  s.signedOut,
	}, holder, deps.Telemetry)
	if deps.SignOuts != nil {
		deps.SignOuts.Tell(s.endSignedOut)
	}
	s.peers = peers.New(appender, disconnecting{s.streams}, deps.Telemetry.Log)
	return s, nil
}

// disconnecting ends streams as the backend wants it.
type disconnecting struct{ streams }

func (d disconnecting) EndUser(user uuid.UUID) { d.streams.EndUser(user, stream.Disconnected) }

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{
		{Name: "logs", Check: s.edge.Ready},
		{Name: "kafka-writes", Check: s.appender.Ready},
	}
}

// Parts implements [deployable.Service]. Streams are drained first, while the parts behind them still run, so that what has happened by then
// is still written to them.
func (s *Service) Parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "realtime ring", Run: s.edge.Run},
		{Name: "realtime appender", Run: s.appender.Run},
		{Name: "realtime peers", Run: s.peers.Run},
		{Name: "realtime presence", Run: s.announceUntilDone},
		{Name: "realtime memberships", Run: s.readMemberships, Beside: true},
		{Name: "realtime logs", Run: s.readLogs, Beside: true},
		{Name: "realtime logs' watch", Run: s.watchLogs, Beside: true},
		{Name: "realtime streams", Run: s.drainStreams},
	}
}

// drainStreams waits until ctx is done, and then for the streams.
func (s *Service) drainStreams(ctx context.Context) error {
	<-ctx.Done()
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain+drainTimeout)
	defer cancel()
	s.streams.Drain(draining)
	return nil
}

// announceUntilDone tells who is online here.
func (s *Service) announceUntilDone(ctx context.Context) error {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicOnline); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	return s.deps.Bus.WithProducer(ctx, bus.ProducerConfig{DeliveryTimeout: tellTimeout}, func(ctx context.Context, log *bus.Producer) error {
		return s.online.Run(ctx, log)
	})
}
