package doctor

import (
	"fmt"
	"strings"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
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

// given reports whether a variable with the prefix is set.
func (s *settings) given(prefix string) bool {
	for variable := range s.found.Given {
		if strings.HasPrefix(variable, prefix) {
			return true
		}
	}
	return false
}

// inside reports whether the doctor has been told of engines, as services are.
func (s *settings) inside() bool {
	return s.given("ISM_KAFKA_") || s.given("ISM_ROOMS_") || s.given("ISM_MESSAGES_") || s.given("ISM_MEDIA_")
}

// usable reports whether a part is configured well enough to be looked at, and notes it if not. needed is the variable without
// which there is nothing to look at.
func (s *settings) usable(n *notes, prefix, needed string) bool {
	if !s.given(prefix) {
		n.add(NotChecked, "there is no "+needed, "set "+needed+" as the service has it: docker compose run --rm doctor does")
		return false
	}
	if faults := under(s.found.Malformed, prefix); len(faults) > 0 {
		n.add(NotChecked, faults[0].Variable+" cannot be used, see configuration", "")
		return false
	}
	if missing := under(s.found.Missing, prefix); len(missing) > 0 {
		for _, fault := range missing {
			n.add(Fault, fault.Variable+" is missing, though others of "+prefix+"… are set", "set "+fault.Variable+": "+fault.Problem)
		}
		return false
	}
	if !s.found.Given[needed] {
		n.add(NotChecked, "there is no "+needed, "set "+needed+" as the service has it")
		return false
	}
	return true
}

func under(faults config.Faults, prefix string) config.Faults {
	var some config.Faults
	for _, fault := range faults {
		if strings.HasPrefix(fault.Variable, prefix) {
			some = append(some, fault)
		}
	}
	return some
}

// findings are what is wrong with the variables themselves.
func (s *settings) findings() []Finding {
	var all []Finding
	note := func(result Result, fault config.Fault, do string) {
		all = append(all, Finding{"configuration", fault.Variable, result, fault.Problem, do})
	}
	for _, fault := range s.found.Malformed {
		note(Fault, fault, "correct it; a service with this value does not start")
	}
	for _, fault := range s.found.Unread {
		note(Warning, fault, "a service that is given it does not start: correct its name, or leave it out")
	}
	if len(all) == 0 && len(s.found.Given) > 0 {
		all = append(all, Finding{"configuration", "variables", OK, fmt.Sprintf("%d ISM_ variables, each can be read", len(s.found.Given)), ""})
	}
	return all
}

// secrets are all that must not be printed.
func (s *settings) secrets() []string {
	kafka, cassandra, s3 := s.shared().Kafka, s.messages.Messages.Cassandra, s.media.Media.S3
	all := postgresSecrets(s.rooms.Rooms.Postgres)
	for _, of := range []struct {
		user     string
		password config.Secret
	}{{kafka.SASLUsername, kafka.SASLPassword}, {cassandra.Username, cassandra.Password}, {s3.AccessKey, s3.SecretKey}} {
		if of.password.Reveal() != of.user { // a password that is the name would hide the name
			all = append(all, of.password.Reveal())
		}
	}
	return all
}
