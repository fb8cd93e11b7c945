// Package messages is the service of messages: it takes them in, and keeps every room's timeline.
//
// A message is in the log before it is anywhere else, and its offset there is its position in the room. The timeline is a view
// of the log: a send writes its message through, and a consumer group writes what a crash or an outage of the store kept
// from being written. See package internal/timeline.
package messages

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/attachments"
	"github.com/ism-chat/ism/services/messages/internal/cursor"
	"github.com/ism-chat/ism/services/messages/internal/erasures"
	"github.com/ism-chat/ism/services/messages/internal/observed"
	"github.com/ism-chat/ism/services/messages/internal/pace"
	"github.com/ism-chat/ism/services/messages/internal/retention"
	"github.com/ism-chat/ism/services/messages/internal/sends"
	"github.com/ism-chat/ism/services/messages/internal/tail"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

// Deps is what the service is handed.
type Deps struct {
	Store     store.Store // one of the service's parts
	Rooms     membership.Rooms
	Media     attachments.Media
	Bus       *bus.Bus
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Group is the consumer group that heals timelines, and takes which users were deleted: a group of its own would cost the brokers more than there is to
// read.
const Group = "ism.messages.timeline"

const (
	maxBatch = 500 // records that the consumer group takes at once
	// fetchWait is long enough that the sends have mostly written their messages before the consumer group comes to them, and short against
	// what a page that lacks a message may take to be healed.
	fetchWait = 200 * time.Millisecond
	// followWait is how much later than the log's other readers this process may know of a change of members. Until then who has left may still
	// send; who gets what is decided at the edges, which do not wait.
	followWait = 100 * time.Millisecond
	// rememberedSends is most memory, about, for the newest messages that clients have named, bytes.
	rememberedSends = 8 << 20
	// tailBytes is most memory, about, for messages that the consumer group has not come to, bytes.
	tailBytes = 16 << 20
)

// Service is the messages service.
type Service struct {
	cfg      Config
	deps     Deps
	clock    clock
	members  *membership.Cache
	log      *bus.Log
	accepted *telemetry.Lines // about each message
	timeline *timeline.Timeline
	healer   *bus.Consumer
	follower *bus.Reader
	appender *bus.Appender
	leftOver rate.Sometimes // logs what a store outage leaves to the consumer group
	logLost  rate.Sometimes // logs that the log has lost records
	unknown  rate.Sometimes // logs that the store does not tell what has been sent before
	sends    *sends.Sends
	tail     *tail.Tail
	cursors  *cursor.Signer
	paces    *pace.Paces
	erasures *erasures.Erasures
	kept     *retention.Retention
}

var _ deployable.Service = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	members, err := membership.NewCache(cfg.Members, deps.Rooms, deps.Telemetry)
	if err != nil {
		return nil, err
	}
	deps.Store = observed.New(deps.Store, deps.Telemetry)
	log := deps.Bus.NewLog(bus.LogConfig{Topic: events.TopicRooms, Group: Group, Epochs: deps.Store})
	kept, err := retention.New(cfg.Retention, deps.Store, time.Now)
	if err != nil {
		return nil, err
	}
	written, err := timeline.New(deps.Store, log, kept.Expires, deps.Bus.Tracing(Group), deps.Telemetry)
	if err != nil {
		return nil, err
	}
	var s *Service
	healer, err := deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group: Group, Topics: []string{events.TopicRooms, events.TopicUsers},
		Handler: func(ctx context.Context, records []bus.Record) error { return s.take(ctx, records) }, MaxBatch: maxBatch, FetchWait: fetchWait, Assigned: log.Confirm,
	})
	if err != nil {
		return nil, fmt.Errorf("make the consumer that heals timelines: %w", err)
	}
	s = &Service{
		cfg: cfg, deps: deps, members: members, log: log, accepted: deps.Telemetry.MessageLines(), timeline: written,
		healer: healer, kept: kept, cursors: cursor.NewSigner(deps.Store),
		tail: tail.New(tailBytes, func(partitions int) ([]int64, error) {
			return healer.Committed(events.TopicRooms, partitions)
		}, deps.Telemetry.Log),
		leftOver: rate.Sometimes{Interval: time.Second}, logLost: rate.Sometimes{Interval: 10 * time.Second}, unknown: rate.Sometimes{Interval: time.Second},
	}
	s.follower, err = deps.Bus.NewReader(bus.ReaderConfig{
		Topics: []string{events.TopicRooms}, Handler: s.follow, MaxBatch: maxBatch, CaughtUp: members.CaughtUp, HandledAsOf: members.FollowedAsOf,
		Begin:  func(_ string, partition int32, offset int64, _ int32) { s.tail.Begin(partition, offset) },
		Jumped: s.jumped, FetchWait: followWait,
	})
	if err != nil {
		return nil, fmt.Errorf("make the reader that follows memberships: %w", err)
	}
	s.appender, err = deps.Bus.NewAppender(bus.AppenderConfig{Topics: []string{events.TopicRooms, events.TopicUsers}, Timeout: cfg.LogTimeout})
	if err != nil {
		return nil, fmt.Errorf("make the appender of messages: %w", err)
	}
	if s.sends, err = sends.New(rememberedSends); err != nil {
		return nil, err
	}
	if s.paces, err = pace.New(); err != nil {
		return nil, err
	}
	s.erasures = erasures.New(deps.Store, eraser{s}, time.Now, erasures.Rate, deps.Telemetry.Log)
	return s, nil
}

// Parts implements [deployable.Service]. The store stops last: all others write to it. Nothing is handled before the log's epoch is known.
func (s *Service) Parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "messages store", Run: s.deps.Store.Run},
		{Name: "messages membership lookups", Run: s.members.Run},
		{Name: "messages appender", Run: s.appender.Run},
		{Name: "messages log", Run: s.log.Run, Beside: true},
		{Name: "messages timeline healing", Run: s.log.AfterOpen(s.healer.Run), Beside: true},
		{Name: "messages membership follower", Run: s.follower.Run, Beside: true},
		{Name: "messages erasures", Run: s.log.AfterOpen(s.erasures.Run), Beside: true},
		{Name: "messages timeline tail", Run: s.log.AfterOpen(s.tail.Run), Beside: true},
	}
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{
		{Name: "messages-store", Check: s.deps.Store.Ping},
		{Name: "messages-log", Check: s.log.Ready},
		{Name: "kafka-writes", Check: s.appender.Ready},
	}
}
