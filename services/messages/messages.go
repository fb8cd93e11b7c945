// Package messages is the service of messages: it takes them in, and keeps every room's timeline.
//
// A message is in the log before it is anywhere else, and its offset there is its position in the room. The timeline is a view
// of the log: a send writes its message through, and a consumer group writes what a crash or an outage of the store kept
// from being written. See package internal/timeline.
package messages

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/internal/observed"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

// Config is the service's own configuration.
type Config struct {
	Epoch               int32             `envconfig:"EPOCH" default:"0" desc:"raise it by one when the topic ism.rooms has been rebuilt with offsets from 0, so that new messages stand behind the old ones"`
	LogTimeout          time.Duration     `envconfig:"LOG_TIMEOUT" default:"800ms" desc:"how long Kafka may take to acknowledge a message before the send is refused"`
	WriteThroughTimeout time.Duration     `envconfig:"WRITE_THROUGH_TIMEOUT" default:"500ms" desc:"how long a send waits for the timeline before it leaves the write to the consumer group"`
	Members             membership.Config `envconfig:"MEMBERS"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.Epoch < 0 {
		faults = append(faults, config.Fault{Variable: "EPOCH", Problem: "must not be below 0"})
	}
	if c.LogTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "LOG_TIMEOUT", Problem: "must be above 0"})
	}
	if c.WriteThroughTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "WRITE_THROUGH_TIMEOUT", Problem: "must be above 0"})
	}
	return faults
}

// Deps is what the service is handed.
type Deps struct {
	Store     store.Store // the service runs it
	Rooms     membership.Rooms
	Bus       *bus.Bus
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Group is the consumer group that heals timelines.
const Group = "ism.messages.timeline"

const (
	maxBatch = 500 // records that the consumer group takes at once
	// patience is short against what a page that lacks a message may take to be healed, and long enough that the group mostly
	// comes to messages which their sends have written.
	patience     = 200 * time.Millisecond
	closeTimeout = 5 * time.Second
)

// Service is the messages service.
type Service struct {
	cfg      Config
	deps     Deps
	clock    clock
	members  *membership.Cache
	timeline *timeline.Timeline
	producer atomic.Pointer[bus.Producer] // nil until Run
	leftOver rate.Sometimes               // logs what a store outage leaves to the consumer group
}

var _ deployable.Service = (*Service)(nil)

// New makes the service. It reaches for nothing: Run does.
func New(cfg Config, deps Deps) (*Service, error) {
	members, err := membership.NewCache(cfg.Members, deps.Rooms, deps.Telemetry)
	if err != nil {
		return nil, err
	}
	deps.Store = observed.New(deps.Store, deps.Telemetry)
	lines, err := timeline.New(deps.Store, cfg.Epoch, deps.Bus.Tracing(Group), deps.Telemetry)
	if err != nil {
		return nil, err
	}
	return &Service{
		cfg: cfg, deps: deps, members: members, timeline: lines, leftOver: rate.Sometimes{Interval: time.Second},
	}, nil
}

// Routes implements [deployable.Service].
func (s *Service) Routes(api fiber.Router) {
	api.Post("/api/send-msg", s.deps.Verifier.Require(), s.send)
	api.Get("/api/rooms/:room_id/timeline", s.deps.Verifier.Require(), s.page)
}

// InternalRoutes implements [deployable.Service]: there are none.
func (s *Service) InternalRoutes(fiber.Router) {}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "messages-store", Check: s.deps.Store.Ping}}
}

// Run implements [deployable.Service]. The store outlives everything that writes to it.
func (s *Service) Run(ctx context.Context) error {
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	stored := make(chan error, 1)
	go func() { stored <- s.deps.Store.Run(storeCtx) }()
	err := s.run(ctx)
	s.members.Wait()
	stopStore()
	return errors.Join(err, <-stored)
}

func (s *Service) run(ctx context.Context) error {
	// Gapless, so that no message is in the log twice after a restart of the brokers.
	producer, err := s.deps.Bus.NewProducer(bus.ProducerConfig{DeliveryTimeout: s.cfg.LogTimeout, Gapless: true})
	if err != nil {
		return fmt.Errorf("make producer: %w", err)
	}
	s.producer.Store(producer)
	err = s.follow(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(err, producer.Close(closing))
}

// follow reads the rooms' log twice: as a member of the group that heals timelines, and whole, for memberships.
func (s *Service) follow(ctx context.Context) error {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicRooms); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("make topics: %w", err)
	}
	consumer, err := s.deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group: Group, Topics: []string{events.TopicRooms},
		Handler: s.timeline.Apply, MaxBatch: maxBatch, Probe: s.timeline.Probe, Patience: patience,
	})
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	reader, err := s.deps.Bus.NewReader(bus.ReaderConfig{
		Topic: events.TopicRooms, Handler: s.members.Follow, MaxBatch: maxBatch, CaughtUp: s.members.CaughtUp,
	})
	if err != nil {
		return fmt.Errorf("make reader: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	consumed, read := make(chan error, 1), make(chan error, 1)
	go func() { defer cancel(); consumed <- consumer.Run(ctx) }()
	go func() { defer cancel(); read <- reader.Run(ctx) }()
	return errors.Join(<-consumed, <-read)
}
