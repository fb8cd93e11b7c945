// Package realtime is the service of live event streams. Its edge reads what happens from the logs themselves, and writes it to the open
// streams of those who may see it.
package realtime

import (
	"context"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/eventloop"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// logs are the topics that edges read. Their order is part of every stream's id.
func logs() []string { return []string{events.TopicRooms} }

// Deps is what the service is handed.
type Deps struct {
	Telemetry *telemetry.Telemetry
	Verifier  *authn.Verifier
	Bus       *bus.Bus
}

// Service is the realtime service.
type Service struct {
	cfg     Config
	deps    Deps
	edge    *edge.Edge
	streams streams
}

var _ deployable.Service = (*Service)(nil)

// streams carries event streams to their clients.
type streams interface {
	// Serve answers a request with a stream, which lives on when Serve has returned. Its errors are problems.
	Serve(c *fiber.Ctx, request eventloop.Request) error
	// Drain ends all streams and waits for them. When ctx is done it cuts what is left.
	Drain(ctx context.Context)
}

const (
	// margin is how much further back than its ring reaches an edge reads at its start, to know repeats for what they are.
	margin = time.Minute
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
	holder, err := edge.New(edge.Config{
		Limits: ring.Limits{Window: cfg.RingWindow, Margin: margin, Records: cfg.RingRecords, Bytes: cfg.RingBytes},
		Rooms:  cfg.AudienceRooms,
	}, deps.Bus.Tracing(""), deps.Telemetry)
	if err != nil {
		return nil, err
	}
	return &Service{
		cfg:  cfg,
		deps: deps,
		edge: holder,
		streams: eventloop.New(eventloop.Config{
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
		}, holder, deps.Telemetry),
	}, nil
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "logs", Check: s.edge.Ready}}
}

// Parts implements [deployable.Service]. Streams are drained first, while the parts behind them still run, so that what has happened by then
// is still written to them.
func (s *Service) Parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "realtime ring", Run: s.edge.Run},
		{Name: "realtime logs", Run: s.readLogs, Beside: true},
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

// readLogs reads the logs from the ring's window back, and on until ctx is done.
func (s *Service) readLogs(ctx context.Context) error {
	topics, err := s.findLogs(ctx)
	if err != nil {
		return err
	}
	s.edge.Open(s.deps.Bus.Epoch(), topics...)
	reader, err := s.deps.Bus.NewReader(bus.ReaderConfig{
		Topics:   logs(),
		Since:    time.Now().Add(-s.cfg.RingWindow - margin),
		Handler:  s.edge.Ingest,
		MaxBatch: maxBatch,
		Begin:    s.edge.Begin,
		CaughtUp: s.edge.CaughtUp,
	})
	if err != nil {
		return fmt.Errorf("make the reader of the logs: %w", err)
	}
	return reader.Run(ctx)
}

// findLogs makes the topics of the logs that are missing, and gives them as they are.
func (s *Service) findLogs(ctx context.Context) ([]cut.Topic, error) {
	if err := s.deps.Bus.EnsureTopics(ctx, logs()...); err != nil {
		return nil, err
	}
	var found []bus.Incarnation
	find := func(ctx context.Context) (err error) {
		found, err = s.deps.Bus.Incarnations(ctx, logs()...)
		return err
	}
	err := retry.Policy{First: time.Second, Max: time.Second}.Do(ctx, find, func(err error, _ time.Duration) {
		s.deps.Telemetry.Log.WarnContext(ctx, "the logs are not known yet; trying again", "error", err)
	})
	if err != nil {
		return nil, fmt.Errorf("find the logs: %w", err)
	}
	topics := make([]cut.Topic, 0, len(found))
	for _, log := range found {
		topics = append(topics, cut.Topic{Name: log.Topic, ID: log.ID.String(), Partitions: log.Partitions})
	}
	return topics, nil
}
