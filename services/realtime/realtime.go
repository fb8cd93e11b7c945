// Package realtime is the service of live event streams. Its fan-out turns what happens in rooms into deliveries by user,
// its edge holds the users' open streams and writes the deliveries to them.
package realtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
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
	// startPatience is how long a request waits for an edge that is starting. A browser that is refused never comes back
	// (HTML standard, section 9.2.3), so it is better to wait.
	startPatience = 5 * time.Second
	// drainPatience is how long streams may take to write their last events.
	drainPatience = 5 * time.Second
)

// New makes the service. It reaches for nothing: Run does.
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

// Routes adds the public API.
func (s *Service) Routes(api fiber.Router) {
	api.Get("/api/sse", s.deps.Verifier.Require(), s.openStream)
}

// InternalRoutes adds what other services call: nothing.
func (s *Service) InternalRoutes(fiber.Router) {}

// Checks are what must work for the service to be ready.
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "deliveries", Check: s.edge.Ready}}
}

func (s *Service) openStream(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), startPatience)
	defer cancel()
	if err := s.edge.Await(ctx); err != nil {
		problem := httpapi.NewProblem(http.StatusServiceUnavailable, "kafka-unavailable", "Events unavailable", "this node has not read the newest events yet")
		problem.RetryAfter = time.Second
		return problem.Because(err)
	}
	caller := authn.Caller(c)
	lastEventID := c.Get("Last-Event-ID")
	if lastEventID == "" {
		lastEventID = c.Query("last_event_id")
	}
	return s.streams.Serve(c, hijack.Request{
		User:        caller.UserID,
		LastEventID: lastEventID,
		ExpiresAt:   caller.ExpiresAt,
	})
}

// Run fans out and reads deliveries until ctx is done, then drains the streams.
func (s *Service) Run(ctx context.Context) error {
	if err := s.run(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (s *Service) run(ctx context.Context) (err error) {
	// Streams are drained while the parts behind them still run, so that nothing stands still before it is known.
	parts, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, parts := errgroup.WithContext(parts)
	group.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
		case <-parts.Done():
		}
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainPatience)
		defer cancel()
		s.streams.Drain(patience)
		return nil
	})
	group.Go(func() error {
		partitions, err := s.prepareTopics(ctx)
		if err != nil {
			return err
		}
		s.edge.Open(partitions)
		group.Go(func() error { return s.edge.Run(parts) })
		group.Go(func() error { return s.readDeliveries(parts) })
		return s.fanOut(parts, partitions)
	})
	return group.Wait()
}

func (s *Service) readDeliveries(ctx context.Context) error {
	reader, err := s.deps.Bus.NewReader(bus.ReaderConfig{
		Topic:    events.TopicDeliveries,
		Since:    time.Now().Add(-s.cfg.RingWindow - margin),
		Handler:  s.edge.Ingest,
		MaxBatch: maxBatch,
		Begin:    s.edge.Begin,
		CaughtUp: s.edge.CaughtUp,
	})
	if err != nil {
		return fmt.Errorf("make the reader of deliveries: %w", err)
	}
	if err := reader.Run(ctx); err != nil {
		return fmt.Errorf("read deliveries: %w", err)
	}
	return nil
}

func (s *Service) fanOut(ctx context.Context, partitions int32) (err error) {
	producer, err := s.deps.Bus.NewProducer(bus.ProducerConfig{DeliveryTimeout: deliveryTimeout, Gapless: true})
	if err != nil {
		return fmt.Errorf("make the producer of deliveries: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainPatience)
		defer cancel()
		err = errors.Join(err, producer.Close(closing))
	}()
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
	if err := consumer.Run(ctx); err != nil {
		return fmt.Errorf("fan out: %w", err)
	}
	return nil
}

// prepareTopics waits until the topics are there, and gives the number of partitions of the deliveries.
func (s *Service) prepareTopics(ctx context.Context) (int32, error) {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicRooms, events.TopicDeliveries); err != nil {
		return 0, fmt.Errorf("prepare the topics: %w", err)
	}
	for {
		partitions, err := s.deps.Bus.Partitions(ctx, events.TopicDeliveries)
		if err == nil {
			return partitions, nil
		}
		s.deps.Telemetry.Log.WarnContext(ctx, "the partitions of the deliveries are not known yet", "error", err)
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("count the partitions of the deliveries: %w", ctx.Err())
		case <-time.After(time.Second):
		}
	}
}
