package doctor

import (
	"context"
	"fmt"
	"time"

	kafka "github.com/ism-chat/ism/libs/bus/checks"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
)

// settings are the services' own configurations, as far as the environment has them.
type settings struct {
	rooms         rooms.ProgramConfig
	messages      messages.ProgramConfig
	realtime      realtime.ProgramConfig
	notifications notifications.ProgramConfig
	media         media.ProgramConfig

	found config.Findings
}

func readSettings(environ []string) (*settings, error) {
	s := &settings{}
	found, err := config.Survey(environ, &s.rooms, &s.messages, &s.realtime, &s.notifications, &s.media)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	s.found = found
	return s, nil
}

// shared is what all services are configured with alike.
func (s *settings) shared() deployable.Config { return s.rooms.Config }

// consumerGroups are the groups in which services read Kafka.
func (s *settings) consumerGroups() []kafka.Group {
	groups := []kafka.Group{
		{Name: rooms.Group, Service: "rooms", Topic: events.TopicRooms},
		{Name: messages.Group, Service: "messages", Topic: events.TopicRooms},
		{Name: notifications.Group, Service: "notifications", Topic: events.TopicRooms},
		{Name: media.Group, Service: "media", Topic: events.TopicRooms},
	}
	// Where the topic is on brokers of others, this has no connection to them.
	if own := s.notifications.Notifications; own.KafkaIn && len(own.KafkaInFrom.Brokers) == 0 {
		groups = append(groups, kafka.Group{Name: own.KafkaInFrom.Group, Service: "notifications", Topic: own.KafkaInFrom.Topic})
	}
	return groups
}

// inside reports whether the environment is that of the services, which name their engines.
func (s *settings) inside() bool {
	return s.found.Has("ISM_KAFKA_", "ISM_ROOMS_", "ISM_MESSAGES_", "ISM_NOTIFICATIONS_", "ISM_MEDIA_")
}

// look notes what is wrong with the variables themselves.
func (s *settings) look(_ context.Context, n *examine.Notes) {
	for _, fault := range s.found.Malformed {
		n.AddAs(fault.Variable, examine.Fault, fault.Problem, "correct it; a service with this value does not start")
	}
	for _, fault := range s.found.Unread {
		n.AddAs(fault.Variable, examine.Warning, fault.Problem, "a service that is given it does not start: correct its name, or leave it out")
	}
	for _, rename := range s.found.Renamed {
		n.AddAs(rename.Former, examine.Warning, "is called "+rename.Variable+" now", "set "+rename.Variable+" instead, in all services")
	}
	s.lookAtInternalCalls(n)
	if len(s.found.Malformed)+len(s.found.Unread) == 0 && len(s.found.Given) > 0 {
		n.OK("%d ISM_ variables, each can be read", len(s.found.Given))
	}
}

// lookAtInternalCalls notes whether more than the services may ask at internal listeners.
func (s *settings) lookAtInternalCalls(n *examine.Notes) {
	cfg := s.shared()
	if cfg.StrangersMayAsk() {
		n.AddAs("internal calls", examine.Warning, "the internal listener is at "+cfg.HTTP.InternalAddress+", and whoever reaches it may ask there",
			"set ISM_INTERNAL_SECRET, the same in all services, for example to what openssl rand -hex 32 prints, or ISM_INTERNAL_TLS_CERT_FILE")
	}
	n.Certificates("ISM_INTERNAL_TLS_CERT_FILE and ISM_INTERNAL_TLS_CA_FILE", cfg.Internal.Certificates(), time.Now())
	if second := cfg.Internal.SecondSecret; second != "" && second != cfg.Internal.Secret {
		n.AddAs("internal calls", examine.Warning, "two secrets are taken", "when all services show the new one, take ISM_INTERNAL_SECOND_SECRET away")
	}
}
