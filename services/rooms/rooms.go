// Package rooms is the service that owns users, how they stand to each other, rooms, members, read marks and previews.
//
// A change of a room and the event that tells of it are one transaction: the store's outbox. One relay brings the outbox to
// the log of the rooms, [events.TopicRooms], and a consumer takes the log's messages into latest message, preview and read
// marks. A request that changes a room answers once its event is in the log, or after a second.
package rooms

import (
	"context"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/internal/callers"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/internal/erasures"
	"github.com/ism-chat/ism/services/rooms/internal/marks"
	"github.com/ism-chat/ism/services/rooms/internal/observed"
	"github.com/ism-chat/ism/services/rooms/internal/previews"
	"github.com/ism-chat/ism/services/rooms/internal/progress"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/internal/snapshots"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Group is the consumer group that keeps previews, and receipts of erasures: a group of its own would cost the brokers more than there is to read.
const Group = "ism.rooms.previews"

// Deps is what the service is handed.
type Deps struct {
	Store     store.Store // one of the service's parts
	Bus       *bus.Bus
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Service is the rooms service.
type Service struct {
	cfg           Config
	deps          Deps
	callers       *callers.Callers
	changes       *changes.Changes
	relationships *relationships.Relationships
	log           *bus.Log
	relay         *outbox.Relay
	previews      *bus.Consumer
	progress      *progress.Progress
	marks         *marks.Teller
	deletions     *bus.Reader
	erasures      *erasures.Erasures
	snapshots     *snapshots.Snapshots
	now           func() time.Time // UTC, microseconds
}

var _ deployable.Service = (*Service)(nil)

var _ deployable.Limited = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	deps.Store = observed.New(deps.Store, deps.Telemetry)
	known, err := callers.New(deps.Store, now)
	if err != nil {
		return nil, err
	}
	writer := changes.New(deps.Store, deps.Telemetry.Propagator).With(changes.Rules{
		CountChanges: cfg.UnreadChanges, PrivateReceipts: cfg.Receipts == receiptsOff, ErasedBy: cfg.ErasedBy,
	})
	log := deps.Bus.NewLog(bus.LogConfig{Topic: events.TopicRooms, Group: Group, Epochs: deps.Store})
	var consumer *bus.Consumer
	taken := progress.New(log, func() ([]int64, error) { return consumer.Ends(events.TopicRooms, log.Partitions()) }, deps.Store)
	lists, err := previews.New(writer, log, taken, deps.Bus.Tracing(Group))
	if err != nil {
		return nil, err
	}
	consumer, err = deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group:     Group,
		Topics:    []string{events.TopicRooms, events.TopicUsers},
		Handler:   taker{lists, writer}.take,
		MaxBatch:  maxBatch,
		FetchWait: fetchWait,
		Assigned:  log.Confirm,
	})
	if err != nil {
		return nil, fmt.Errorf("make the previews' consumer: %w", err)
	}
	relay, err := outbox.New(deps.Store, "rooms", deps.Telemetry)
	if err != nil {
		return nil, err
	}
	deletions, err := deps.Bus.NewReader(bus.ReaderConfig{Topics: []string{events.TopicUsers}, Handler: known.Follow, Jumped: known.Jumped, MaxBatch: maxBatch})
	if err != nil {
		return nil, fmt.Errorf("make the reader of deletions: %w", err)
	}
	limits := relationships.Default()
	limits.Contacts = cfg.ContactsPerHour
	bonds := relationships.New(deps.Store, limits, deps.Telemetry.Propagator, writer.LeaveSingleRoom)
	return &Service{
		cfg: cfg, deps: deps, callers: known, changes: writer, relationships: bonds, log: log, relay: relay, previews: consumer, now: now,
		progress: taken, marks: marks.New(writer, now, deps.Telemetry.Log),
		deletions: deletions, erasures: erasures.New(deps.Store, writer, now, deps.Telemetry.Log),
		snapshots: snapshots.New(deps.Bus, writer, relay, deps.Store, now, deps.Telemetry),
	}, nil
}

const (
	deliveryTimeout = 5 * time.Second // of the relay's records
	maxBatch        = 200             // records that the previews take at once
	// fetchWait is how far lists may be behind the log, so that a busy room is updated five times a second and not for each message.
	fetchWait = 200 * time.Millisecond
)

// Parts implements [deployable.Service]. The store stops last: all others write to it. Nothing is appended or handled before the log's epoch
// is known.
func (s *Service) Parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "rooms store", Run: s.deps.Store.Run},
		{Name: "rooms log", Run: s.log.Run},
		{Name: "rooms outbox relay", Run: s.log.AfterOpen(s.relayOutbox)},
		{Name: "rooms deletions", Run: s.deletions.Run, Beside: true},
		{Name: "rooms erasures", Run: s.log.AfterOpen(s.erasures.Run), Beside: true},
		{Name: "rooms snapshots", Run: s.log.AfterOpen(s.snapshots.Run), Beside: true},
		{Name: "rooms previews", Run: s.log.AfterOpen(s.previews.Run), Beside: true},
		{Name: "rooms progress", Run: s.log.AfterOpen(s.progress.Run), Beside: true},
		{Name: "rooms marks", Run: s.marks.Run, Beside: true},
	}
}

// relayOutbox uses a gapless producer: a row must not be in the log before those that stand before it. The topic of the rooms is there, as
// their log is open.
func (s *Service) relayOutbox(ctx context.Context) error {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicUsers, events.TopicMemberships); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	return s.deps.Bus.WithProducer(ctx, bus.ProducerConfig{DeliveryTimeout: deliveryTimeout, Gapless: true}, func(ctx context.Context, log *bus.Producer) error {
		s.relay.Run(ctx, inEpoch{log, s.log})
		return nil
	})
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "rooms store", Check: s.deps.Store.Ping}, {Name: "rooms log", Check: s.log.Ready}}
}
