// Package notifications is the service by which a company's backends tell users something, and that keeps what happened to users in their inboxes.
//
// It takes notifications by HTTP, by signed webhooks and from a Kafka topic, and appends them to the log ism.notifications. realtime's edges bring them from
// there to open streams, and the consumer group [Group] into inboxes, with what rooms tells of friends and rooms. The consumer group [GroupWebhooks] takes from
// the same logs what endpoints of backends are subscribed to, which get it as signed webhooks, and the consumer group [GroupPush]
// tells users by push who have no open stream.
package notifications

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/reread"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/hooks"
	"github.com/ism-chat/ism/services/notifications/internal/inbox"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
	"github.com/ism-chat/ism/services/notifications/internal/kafkain"
	"github.com/ism-chat/ism/services/notifications/internal/observed"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/announce"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/health"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Group is the consumer group that keeps inboxes.
const Group = "ism.notifications.inbox"

const (
	maxBatch = 200 // records that inboxes take at once
	// fetchWait is how far inboxes may be behind the log: what happens now is on streams. A busy room costs inboxes two or three fetches a second, and silence
	// one in two seconds.
	fetchWait = 400 * time.Millisecond
)

// Deps is what the service is handed.
type Deps struct {
	Store     store.Store // one of the service's parts
	Bus       *bus.Bus
	Rooms     Rooms
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Rooms knows of which tenants users are, which is asked for backends of a tenant, and for all where users who are unknown are refused; and what users have not
// read, for the badges of pushes.
type Rooms interface {
	// Tenants gives the tenants of those of at most [events.MostUsersAsked] users that there are. An error means that rooms does not answer now.
	Tenants(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error)
	// Unread gives what a user has not read. An error means that rooms does not answer now.
	Unread(ctx context.Context, user uuid.UUID) (events.UnreadAnswer, error)
}

// Service is the notifications service.
type Service struct {
	deps     Deps
	appender *bus.Appender
	inbox    *inbox.Inbox
	taker    *bus.Consumer
	intake   *intake.Intake
	lines    *telemetry.Lines // about each notification
	sources  *reread.Value[*hooks.Sources]
	hooked   *prometheus.CounterVec
	kafka    *kafkain.Reader // nil: not configured
	webhooks *webhooks
	health   *health.Health // of webhooks' endpoints
	push     *push
}

var _ deployable.Service = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	appender, err := deps.Bus.NewAppender(bus.AppenderConfig{Topics: []string{events.TopicNotifications, events.TopicUsers}, Timeout: cfg.LogTimeout})
	if err != nil {
		return nil, fmt.Errorf("make the appender of notifications: %w", err)
	}
	sources, err := hooks.Parse(cfg.Hooks.Reveal())
	if err != nil {
		return nil, fmt.Errorf("read the sources of webhooks: %w", err)
	}
	deps.Store = observed.New(deps.Store, deps.Telemetry)
	s := &Service{
		deps: deps, appender: appender, lines: deps.Telemetry.MessageLines(), sources: keepSources(cfg, sources, deps.Telemetry),
		hooked: newHookMetrics(deps.Telemetry, sources),
		intake: intake.New(appender, deps.Rooms, cfg.UnknownUsers == refuseUnknown),
	}
	s.inbox = inbox.New(deps.Store, s, cfg.Retention, time.Now, deps.Bus.Tracing(Group), deps.Telemetry.Log)
	s.taker, err = deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group:     Group,
		Topics:    []string{events.TopicNotifications, events.TopicUsers, events.TopicRooms},
		Handler:   s.inbox.Take,
		MaxBatch:  maxBatch,
		FetchWait: fetchWait,
	})
	if err != nil {
		return nil, fmt.Errorf("make the inboxes' consumer: %w", err)
	}
	if s.webhooks, err = newWebhooks(cfg.Webhooks, deps); err != nil {
		return nil, err
	}
	announcer := announce.New(deps.Store, s.webhooks.deliveries)
	s.health = health.New(deps.Store, announcer, cfg.Webhooks.DisableAfter, nowMicros, deps.Telemetry)
	if cfg.KafkaIn {
		if s.kafka, err = kafkain.New(cfg.KafkaInFrom, s.intake, deps.Bus, deps.Telemetry); err != nil {
			return nil, err
		}
	}
	if s.push, err = newPush(cfg, deps, announcer); err != nil {
		return nil, err
	}
	return s, nil
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{
		{Name: "notifications-store", Check: s.deps.Store.Ping},
		{Name: "notifications-log", Check: s.appender.Ready},
	}
}

// Parts implements [deployable.Service]. The store stops last: all others write to it.
func (s *Service) Parts() []lifecycle.Part {
	parts := []lifecycle.Part{
		{Name: "notifications store", Run: s.deps.Store.Run},
		{Name: "notifications appender", Run: s.appender.Run},
		{Name: "notifications inboxes", Run: s.taker.Run, Beside: true},
		{Name: "notifications clearing", Run: s.inbox.Run, Beside: true},
	}
	if s.kafka != nil {
		parts = append(parts, lifecycle.Part{Name: "notifications from Kafka", Run: s.kafka.Run, Beside: true})
	}
	parts = append(parts, s.webhooks.parts()...)
	parts = append(parts, lifecycle.Part{Name: "notifications webhooks' health", Run: s.health.Run, Beside: true})
	return append(parts, s.push.parts()...)
}

// signal says that something has happened. Of several times one is heard.
type signal chan struct{}

// Tell says it, and waits for nobody.
func (s signal) Tell() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// nowMicros is the time as stores keep it.
func nowMicros() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
