// Package rooms is the service that owns users, rooms, members, read marks and previews.
//
// A change of a room and the event that tells of it are one transaction: the store's outbox. One relay brings the outbox to
// the log of the rooms, [events.TopicRooms], and a consumer takes the log's messages into latest message, preview and read
// marks. A request that changes a room answers once its event is in the log, or after a second.
package rooms

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/internal/callers"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/internal/previews"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Config is the service's own configuration.
type Config struct {
	MaxMembers int   `envconfig:"MAX_MEMBERS" default:"1000" desc:"most users that a room may have, 2 to 10000"`
	Epoch      int32 `envconfig:"EPOCH" default:"0" desc:"epoch of the log ism.rooms; raise it, in messages too, when that topic had to be rebuilt"`
}

const (
	fewestMembers = 2
	mostMembers   = 10_000
)

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.MaxMembers < fewestMembers || c.MaxMembers > mostMembers {
		faults = append(faults, config.Fault{
			Variable: "MAX_MEMBERS", Problem: fmt.Sprintf("%d is out of range; allowed: %d to %d", c.MaxMembers, fewestMembers, mostMembers),
		})
	}
	if c.Epoch < 0 {
		faults = append(faults, config.Fault{Variable: "EPOCH", Problem: fmt.Sprintf("%d is out of range; allowed: 0 or above", c.Epoch)})
	}
	return faults
}

// Group is the consumer group that keeps previews.
const Group = previews.Group

// Deps is what the service is handed.
type Deps struct {
	Store     store.Store // the service runs it
	Bus       *bus.Bus
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Service is the rooms service.
type Service struct {
	cfg     Config
	deps    Deps
	callers *callers.Callers
	changes *changes.Changes
	relay   *outbox.Relay
	now     func() time.Time // UTC, microseconds
}

var _ deployable.Service = (*Service)(nil)

// ErrRoomNotFound says that there is no such room.
var ErrRoomNotFound = store.ErrRoomNotFound

// New makes the service. It reaches for nothing: Run does.
func New(cfg Config, deps Deps) (*Service, error) {
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	known, err := callers.New(deps.Store, now)
	if err != nil {
		return nil, err
	}
	return &Service{
		cfg: cfg, deps: deps, callers: known, changes: changes.New(deps.Store, deps.Telemetry.Propagator),
		relay: outbox.New(deps.Store, "rooms", deps.Telemetry), now: now,
	}, nil
}

const (
	deliveryTimeout = 5 * time.Second
	closeTimeout    = 5 * time.Second
	maxBatch        = 200 // records that the previews take at once
	// patience is how far lists may be behind the log, so that a busy room is updated five times a second and not for each message.
	patience = 200 * time.Millisecond
)

// Run connects the store, relays the outbox and follows the log until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	storeEnded := make(chan error, 1)
	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	go func() {
		storeEnded <- s.deps.Store.Run(storeCtx)
		stopWork()
	}()
	err := s.work(working)
	stopStore()
	if storeErr := <-storeEnded; storeErr != nil && err == nil {
		err = fmt.Errorf("run the store: %w", storeErr)
	}
	return err
}

// work is what needs the store beneath it.
func (s *Service) work(ctx context.Context) error {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicRooms); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end before there were topics
		}
		return fmt.Errorf("ensure topics: %w", err)
	}
	producer, err := s.deps.Bus.NewProducer(bus.ProducerConfig{DeliveryTimeout: deliveryTimeout, Gapless: true})
	if err != nil {
		return fmt.Errorf("make the relay's producer: %w", err)
	}
	consumer, err := s.deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group:    previews.Group,
		Topics:   []string{events.TopicRooms},
		Handler:  previews.Handler(s.changes, s.cfg.Epoch, s.deps.Bus.Tracing(previews.Group)),
		MaxBatch: maxBatch,
		Patience: patience,
		Probe:    s.deps.Store.Ping,
	})
	if err != nil {
		return fmt.Errorf("make the previews' consumer: %w", err)
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		s.relay.Run(running, producer)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return producer.Close(closing)
	})
	group.Go(func() error { return consumer.Run(running) })
	return group.Wait()
}

// Checks are what must work for the service to be ready.
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "rooms store", Check: s.deps.Store.Ping}}
}

// Membership gives who is in a room. Errors: [ErrRoomNotFound]; any other means that the store does not answer now.
func (s *Service) Membership(ctx context.Context, roomID uuid.UUID) (events.Membership, error) {
	membership, err := s.deps.Store.Membership(ctx, roomID)
	if err != nil {
		return events.Membership{}, fmt.Errorf("membership of room %s: %w", roomID, err)
	}
	return membership, nil
}
