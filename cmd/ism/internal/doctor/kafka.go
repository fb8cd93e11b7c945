package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
)

const (
	kafkaGroup = "kafka"
	// tooFarBehind is the lag, in records, from which a group is worth a word.
	tooFarBehind = 1000
)

func (d *doctor) kafkaChecks() []check {
	if !d.settings.given("ISM_KAFKA_") { // said once
		return []check{{group: kafkaGroup, name: "brokers", look: d.lookAtBrokers}}
	}
	checks := []check{
		{group: kafkaGroup, name: "brokers", look: d.lookAtBrokers},
		{group: kafkaGroup, name: "topics", look: d.lookAtTopics},
	}
	for _, group := range []string{rooms.Group, messages.Group, realtime.Group} {
		checks = append(checks, check{group: kafkaGroup, name: group, look: func(ctx context.Context, n *notes) { d.lookAtGroup(ctx, n, group) }})
	}
	return checks
}

func (d *doctor) kafkaUsable(n *notes) bool {
	return d.settings.usable(n, "ISM_KAFKA_", "ISM_KAFKA_BROKERS")
}

// lookAtBrokers reaches for the brokers as they are configured, and then where they say themselves that they are.
func (d *doctor) lookAtBrokers(ctx context.Context, n *notes) {
	if !d.kafkaUsable(n) {
		return
	}
	unreached := d.lostBrokers()
	if d.noBroker() {
		n.add(Fault, strings.Join(unreached, "; "), "start Kafka, or correct ISM_KAFKA_BROKERS")
		return
	}
	advertised, err := d.bus.Brokers(ctx)
	if err != nil {
		n.add(Fault, "a broker is there, but gives no metadata: "+err.Error(), "compare ISM_KAFKA_SECURITY_PROTOCOL and the SASL settings with the broker's listener")
		return
	}
	if lost := unreachable(ctx, advertised); len(lost) > 0 {
		n.add(Fault, "brokers tell clients an address that is not reached from here: "+strings.Join(lost, "; "),
			"correct advertised.listeners of the brokers (KAFKA_ADVERTISED_LISTENERS), or start those that are down")
		return
	}
	if len(unreached) > 0 {
		n.add(Warning, "not all of ISM_KAFKA_BROKERS are reached: "+strings.Join(unreached, "; "), "correct ISM_KAFKA_BROKERS, or start those that are down")
		return
	}
	n.ok("%s, reached at %s", count(len(advertised), "broker"), strings.Join(advertised, ", "))
}

// noBroker reports whether none of the brokers is reached.
func (d *doctor) noBroker() bool {
	return len(d.lostBrokers()) == len(d.settings.shared().Kafka.Brokers)
}

// behindBrokers reports whether there is a broker to ask, and notes it if not.
func (d *doctor) behindBrokers(n *notes) bool {
	if !d.kafkaUsable(n) {
		return false
	}
	if d.noBroker() {
		n.add(NotChecked, "no broker is reached, see brokers", "")
		return false
	}
	return true
}

// unreachable gives the addresses that take no connection, each with the reason.
func unreachable(ctx context.Context, addresses []string) []string {
	var lost []string
	for _, address := range addresses {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			lost = append(lost, address+": "+explain(err))
			continue
		}
		_ = connection.Close()
	}
	return lost
}

// lookAtTopics compares the topics with the suite's table.
func (d *doctor) lookAtTopics(ctx context.Context, n *notes) {
	if !d.behindBrokers(n) {
		return
	}
	var names []string
	for _, topic := range d.topics {
		names = append(names, topic.Name)
	}
	found, err := d.bus.Inspect(ctx, names...)
	if err != nil {
		n.add(NotChecked, err.Error(), "see brokers; to read the settings of topics takes the right DescribeConfigs")
		return
	}
	for _, wanted := range d.topics {
		if topic, ok := found[wanted.Name]; ok {
			compareTopic(n, wanted, topic)
		} else {
			n.addAs(wanted.Name, Fault, "it is not there", "start the services, which make it; without the right to, make it: "+createTopic(wanted))
		}
	}
}

func createTopic(t bus.Topic) string {
	return fmt.Sprintf("kafka-topics.sh --create --topic %s --partitions %d --replication-factor %d --config retention.ms=%d --config min.insync.replicas=%d",
		t.Name, t.Partitions, t.Replication, t.Retention.Milliseconds(), t.MinInSync)
}

func alterTopic(name, setting string) string {
	return fmt.Sprintf("kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s", name, setting)
}

func compareTopic(n *notes, wanted, found bus.Topic) {
	good := true
	note := func(result Result, text, do string) {
		good = false
		n.addAs(wanted.Name, result, text, do)
	}
	if len(found.Leaderless) > 0 {
		note(Fault, fmt.Sprintf("partitions %v have no leader: nothing can be written to them or read", found.Leaderless), "start the brokers that hold them")
	}
	if found.Partitions != wanted.Partitions {
		note(Warning, fmt.Sprintf("it has %d partitions, the suite makes it with %d", found.Partitions, wanted.Partitions),
			"leave them if it holds records, since keys would move; ISM_KAFKA_PARTITIONS says how new topics are made")
	}
	retention := fmt.Sprintf("retention.ms=%d", wanted.Retention.Milliseconds())
	switch {
	case found.Retention >= 0 && found.Retention < wanted.Retention:
		note(Fault, fmt.Sprintf("records are kept for %s instead of %s: what is not read by then is lost", found.Retention, wanted.Retention), alterTopic(wanted.Name, retention))
	case found.Retention != wanted.Retention:
		note(Warning, fmt.Sprintf("records are kept longer than the suite's %s, which costs disk", wanted.Retention), alterTopic(wanted.Name, retention))
	}
	if found.Replication < wanted.Replication {
		note(Fault, fmt.Sprintf("it has %d replicas, ISM_KAFKA_REPLICATION is %d: a broker that dies takes acknowledged messages along", found.Replication, wanted.Replication),
			"give it more with kafka-reassign-partitions.sh")
	}
	inSync := fmt.Sprintf("min.insync.replicas=%d", max(1, found.Replication-1))
	switch {
	case found.MinInSync > found.Replication:
		note(Fault, fmt.Sprintf("min.insync.replicas is %d with %d replicas: nothing can be written", found.MinInSync, found.Replication), alterTopic(wanted.Name, inSync))
	case found.MinInSync < wanted.MinInSync:
		note(Fault, fmt.Sprintf("min.insync.replicas is %d instead of %d: what is acknowledged may be on too few brokers", found.MinInSync, wanted.MinInSync), alterTopic(wanted.Name, inSync))
	}
	if good {
		n.addAs(wanted.Name, OK, fmt.Sprintf("%s, %s, %s, %d in sync at least", count(found.Partitions, "partition"), days(found.Retention), count(found.Replication, "replica"), found.MinInSync), "")
	}
}

func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("kept %d days", d/day)
	}
	return "kept " + d.String()
}

// lookAtGroup sees whether somebody reads, and how far behind.
func (d *doctor) lookAtGroup(ctx context.Context, n *notes, name string) {
	if !d.behindBrokers(n) {
		return
	}
	group, err := d.bus.InspectGroup(ctx, name, events.TopicRooms)
	service := strings.Split(name, ".")[1]
	switch {
	case err != nil:
		n.add(NotChecked, err.Error(), "see brokers; to read a group takes the right Describe")
	case group.Members == 0:
		n.add(Fault, fmt.Sprintf("nobody reads (%s), %d records wait", strings.ToLower(group.State), group.Lag), "start "+service+", or look at its log")
	case group.Lag > tooFarBehind:
		n.add(Warning, fmt.Sprintf("%d members, %d records behind", group.Members, group.Lag),
			"look again in a minute: if it grows, see "+service+"'s runbook, and add replicas up to the number of partitions")
	default:
		n.ok("%s, %d records behind", count(group.Members, "member"), group.Lag)
	}
}
