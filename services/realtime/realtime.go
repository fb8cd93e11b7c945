// Package realtime is the service of live event streams. Its fan-out turns what happens in rooms into deliveries by user,
// its edge holds the users' open streams and writes the deliveries to them.
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
	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/fanout"
	"github.com/ism-chat/ism/services/realtime/internal/hijack"
	"github.com/ism-chat/ism/services/realtime/internal/ring"
	"github.com/ism-chat/ism/services/realtime/internal/stream"
)

// Group is the consumer group of the fan-out.
const Group = fanout.Group

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
	Serve(c *fiber.Ctx, request hijack.Request) error
	// Drain ends all streams and waits for them. When ctx is done it cuts what is left.
	Drain(ctx context.Context)
}

const (
	// margin is how much further back than its ring reaches an edge reads at its start, to know repeats for what they are.
	margin = time.Minute
	// maxBatch is how many records the fan-out takes at once. It must be well below what an edge can sort out as repeats.
	maxBatch = 200
	// deliveryTimeout is how long the fan-out waits for an acknowledgement. It is long, because a delivery that is given
	// up and written again comes after those behind it.
	deliveryTimeout = 2 * time.Minute
	// reconnect is how long clients wait before they come back.
	reconnect = 2 * time.Second
	// startTimeout is how long a request waits for an edge that is starting. A browser that is refused never comes back
	// (HTML standard, section 9.2.3), so it is better to wait.
	startTimeout = 5 * time.Second
	// drainTimeout is how long streams may take to write their last events.
	drainTimeout = 5 * time.Second
)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	holder := edge.New(ring.Limits{
		Window: cfg.RingWindow, Margin: margin, Records: cfg.RingRecords, Bytes: cfg.RingBytes,
	}, deps.Bus.Tracing(""), deps.Telemetry)
	return &Service{
		cfg:  cfg,
		deps: deps,
		edge: holder,
		streams: hijack.New(hijack.Config{
			Config: stream.Config{
				KeepAlive:    cfg.KeepAlive,
				WriteTimeout: cfg.WriteTimeout,
				Retry:        reconnect,
				QueueEvents:  cfg.QueueEvents,
				QueueBytes:   cfg.QueueBytes,
			},
			MaxStreams: cfg.MaxStreams,
			MaxPerUser: cfg.MaxStreamsPerUser,
		}, holder, deps.Telemetry),
	}, nil
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "deliveries", Check: s.edge.Ready}}
}

// Parts implements [deployable.Service]. Streams are drained first, while the parts behind them still run, so that what has happened by then
// is still written to them.
func (s *Service) Parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "realtime ring", Run: s.edge.Run},
		{Name: "realtime deliveries", Run: s.readDeliveries, Beside: true},
		{Name: "realtime fan-out", Run: s.fanOut, Beside: true},
		{Name: "realtime streams", Run: s.drainStreams},
	}
}

// drainStreams waits until ctx is done, and then for the streams.
func (s *Service) drainStreams(ctx context.Context) error {
	<-ctx.Done()
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	s.streams.Drain(draining)
	return nil
}

func (s *Service) readDeliveries(ctx context.Context) error {
	partitions, err := s.countPartitions(ctx)
	if err != nil {
		return err
	}
	s.edge.Open(partitions)
	reader, err := s.deps.Bus.NewReader(bus.ReaderConfig{
		Topics:   []string{events.TopicDeliveries},
		Since:    time.Now().Add(-s.cfg.RingWindow - margin),
		Handler:  s.edge.Ingest,
		MaxBatch: maxBatch,
		Begin:    func(_ string, partition int32, offset int64) { s.edge.Begin(partition, offset) },
		CaughtUp: s.edge.CaughtUp,
	})
	if err != nil {
		return fmt.Errorf("make the reader of deliveries: %w", err)
	}
	return reader.Run(ctx)
}

func (s *Service) fanOut(ctx context.Context) error {
	partitions, err := s.countPartitions(ctx)
	if err != nil {
		return err
	}
	cfg := bus.ProducerConfig{DeliveryTimeout: deliveryTimeout, Gapless: true}
	return s.deps.Bus.WithProducer(ctx, cfg, func(ctx context.Context, producer *bus.Producer) error {
		handler, err := fanout.New(producer, partitions, s.cfg.AudienceRooms, s.deps.Bus.Tracing(fanout.Group), s.deps.Telemetry)
		if err != nil {
			return err
		}
		consumer, err := s.deps.Bus.NewConsumer(bus.ConsumerConfig{
			Group:    fanout.Group,
			Topics:   []string{events.TopicRooms},
			Handler:  handler.Handle,
			MaxBatch: maxBatch,
			Probe:    s.deps.Bus.Ready,
		})
		if err != nil {
			return fmt.Errorf("make the fan-out's consumer: %w", err)
		}
		return consumer.Run(ctx)
	})
}

// countPartitions makes the topic of the deliveries if it is missing, and gives the number of its partitions.
func (s *Service) countPartitions(ctx context.Context) (partitions int32, err error) {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicDeliveries); err != nil {
		return 0, err
	}
	count := func(ctx context.Context) (err error) {
		partitions, err = s.deps.Bus.Partitions(ctx, events.TopicDeliveries)
		return err
	}
	err = retry.Policy{First: time.Second, Max: time.Second}.Do(ctx, count, func(err error, _ time.Duration) {
		s.deps.Telemetry.Log.WarnContext(ctx, "the partitions of the deliveries are not known yet", "error", err)
	})
	if err != nil {
		return 0, fmt.Errorf("count the partitions of the deliveries: %w", err)
	}
	return partitions, nil
}
