// Package notifications is the service by which a company's backends tell users something, and that keeps what happened to users in their inboxes.
//
// What backends say is appended to the log ism.notifications. realtime's edges bring it from there to open streams, and the consumer group [Group] into
// inboxes, with what rooms tells of friends and rooms. The consumer group [GroupPush]
// tells users by push who have no open stream. Signed webhooks are not there: their routes answer 404, so that nothing seems to work that does not.
package notifications

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/inbox"
	"github.com/ism-chat/ism/services/notifications/internal/observed"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Group is the consumer group that keeps inboxes.
const Group = "ism.notifications.inbox"

const (
	maxBatch = 200 // records that inboxes take at once
	// fetchWait is how far inboxes may be behind the log: what happens now is on streams, and a busy room costs inboxes five fetches a second.
	fetchWait = 200 * time.Millisecond
)

// Deps is what the service is handed.
type Deps struct {
	Store     store.Store // one of the service's parts
	Bus       *bus.Bus
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Service is the notifications service.
type Service struct {
	deps     Deps
	appender *bus.Appender
	inbox    *inbox.Inbox
	taker    *bus.Consumer
	push     *push
}

var _ deployable.Service = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	appender, err := deps.Bus.NewAppender(bus.AppenderConfig{Topics: []string{events.TopicNotifications, events.TopicUsers}, Timeout: cfg.LogTimeout})
	if err != nil {
		return nil, fmt.Errorf("make the appender of notifications: %w", err)
	}
	deps.Store = observed.New(deps.Store, deps.Telemetry)
	s := &Service{deps: deps, appender: appender}
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
	if s.push, err = newPush(cfg, deps); err != nil {
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
	return append(parts, s.push.parts()...)
}
