package messages

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/internal/retention"
	"github.com/ism-chat/ism/services/messages/membership"
)

// Config is the service's own configuration.
type Config struct {
	LogTimeout          time.Duration     `envconfig:"LOG_TIMEOUT" default:"4s" desc:"how long a send waits for Kafka: shorter stalls are waited out; while a partition stands still for longer, sends to its rooms are refused at once, and nothing of them is written"`
	WriteThroughTimeout time.Duration     `envconfig:"WRITE_THROUGH_TIMEOUT" default:"500ms" desc:"how long a send waits for the timeline before it leaves the write to the consumer group"`
	EditWindow          time.Duration     `envconfig:"EDIT_WINDOW" default:"24h" desc:"how long after it was sent a message may be edited; 0: nobody edits. Deleting has no end"`
	Retention           time.Duration     `envconfig:"RETENTION" default:"0s" desc:"how long messages are kept, in whole days, 2160h for 90; from 48h to 87600h; 0: for ever. A room may have a retention of its own"`
	Members             membership.Config `envconfig:"MEMBERS"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.LogTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "LOG_TIMEOUT", Problem: "must be above 0"})
	}
	if c.WriteThroughTimeout <= 0 {
		faults = append(faults, config.Fault{Variable: "WRITE_THROUGH_TIMEOUT", Problem: "must be above 0"})
	}
	if c.EditWindow < 0 {
		faults = append(faults, config.Fault{Variable: "EDIT_WINDOW", Problem: "must be 0 or above"})
	}
	if r := c.Retention; r != 0 && (r < retention.Least || r > retention.Most || r%retention.Day != 0) {
		faults = append(faults, config.Fault{Variable: "RETENTION", Problem: fmt.Sprintf(
			"%s is not possible; allowed: 0 for ever, or whole days, multiples of 24h, from %s to %s", r, retention.Least, retention.Most)})
	}
	return faults
}

// RetentionDays is how many days the installation keeps messages; 0: for ever.
func (c Config) RetentionDays() int { return int(c.Retention / retention.Day) }

// Within says where the settings do not go with those of the listener: the longest message must fit into a request, and a request must be
// given the time that a send may take. Variables in the faults begin behind ISM_.
func (c Config) Within(listener httpapi.Config) []config.Fault {
	var faults []config.Fault
	if listener.BodyLimit < largestSend {
		faults = append(faults, config.Fault{Variable: "HTTP_BODY_LIMIT", Problem: fmt.Sprintf(
			"%d is too small for a message of %d characters, each escaped at its longest; allowed: %d bytes or more", listener.BodyLimit, body.MaxText, largestSend)})
	}
	if most := listener.HandlerTimeout - beforeLog - c.WriteThroughTimeout; c.LogTimeout > most {
		faults = append(faults, config.Fault{Variable: "MESSAGES_LOG_TIMEOUT", Problem: fmt.Sprintf(
			"%s does not go with ISM_HTTP_HANDLER_TIMEOUT, %s, and ISM_MESSAGES_WRITE_THROUGH_TIMEOUT, %s: a send would be given up before Kafka is; allowed: ISM_MESSAGES_LOG_TIMEOUT up to %s, or ISM_HTTP_HANDLER_TIMEOUT from %s on",
			c.LogTimeout, listener.HandlerTimeout, c.WriteThroughTimeout, max(most, 0), listener.HandlerTimeout+c.LogTimeout-most)})
	}
	return faults
}

// beforeLog is how long a send takes at most before it comes to the log: who is in the room, another send of its name, what became of an earlier one, whom
// it mentions and what it quotes. An edit or a deletion, whose message is found in findTimeout, takes less.
const beforeLog = membership.LookupTimeout + underWayWait + earlierTimeout + referTimeout

// largestSend is the size of a send at its largest, bytes, without white space around its JSON. That is a system message.
const largestSend = len(`{"chatRoomId":"0192d3a0-0000-7000-8000-00000000000a","msgType":"SystemMessage","msgBody":{"text":"","data":},"clientMsgId":"","mentions":[]}`) +
	(body.MaxText+httpapi.MaxKey)*len(`\ud83e\udd57`) + body.MaxData + maxMentions*mentionSize - len(`,`) // a character may be written in two escapes
