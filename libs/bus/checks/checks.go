// Package checks gives what `ism doctor` checks of Kafka.
package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
)

const (
	group  = "kafka"
	prefix = "ISM_KAFKA_"
	// tooFarBehind is the lag, in records, from which a group is worth a word.
	tooFarBehind = 1000
)

// Group is a consumer group of a service.
type Group struct{ Name, Service, Topic string }

// Part is the check of brokers, topics and the services' consumer groups.
func Part(b *bus.Bus, cfg bus.Config, found config.Findings, groups ...Group) examine.Part {
	return examine.Part{Checks: newCluster(b, cfg, b.Table()).checks(found, groups), Secrets: append(examine.Password(cfg.SASLUsername, cfg.SASLPassword), cfg.OAuth.ClientSecret.Reveal(), cfg.KeyPassword.Reveal())}
}

type cluster struct {
	bus        *bus.Bus
	security   bus.Security
	configured []string
	unreached  func() []string // of the configured brokers, each with the reason
	topics     []bus.Topic     // that have to be there
}

func newCluster(b *bus.Bus, cfg bus.Config, topics []bus.Topic) *cluster {
	return &cluster{bus: b, security: cfg.Security, configured: cfg.Brokers, topics: topics, unreached: examine.Once(func(ctx context.Context) []string {
		return examine.Unreachable(ctx, cfg.Brokers)
	})}
}

func (c *cluster) checks(found config.Findings, groups []Group) []examine.Check {
	checks := []examine.Check{{Group: group, Name: "brokers", Look: examine.Configured(found, prefix, "BROKERS", c.lookAtBrokers)}}
	if !found.Has(prefix) { // one check says so
		return checks
	}
	add := func(name string, look examine.Look) {
		checks = append(checks, examine.Check{Group: group, Name: name, Look: examine.Configured(found, prefix, "BROKERS", c.behindBrokers(look))})
	}
	add("topics", c.lookAtTopics)
	if c.secured() {
		checks = append(checks, examine.Check{Group: group, Name: "certificates", Look: func(_ context.Context, n *examine.Notes) { c.lookAtSecurity(n, time.Now()) }})
	}
	for _, of := range groups {
		add(of.Name, func(ctx context.Context, n *examine.Notes) { c.lookAtGroup(ctx, n, of) })
	}
	return checks
}

// lookAtBrokers reaches for the brokers as they are configured, and then where they say themselves that they are.
func (c *cluster) lookAtBrokers(ctx context.Context, n *examine.Notes) {
	unreached := c.unreached()
	if c.noBroker() {
		n.Add(examine.Fault, strings.Join(unreached, "; "), "start Kafka, or correct ISM_KAFKA_BROKERS")
		return
	}
	advertised, err := c.bus.Brokers(ctx)
	if err != nil {
		n.Add(examine.Fault, "a broker is there, but gives no metadata: "+err.Error(), "compare ISM_KAFKA_SECURITY_PROTOCOL and the SASL settings with the broker's listener, and see whether it takes the certificate of ISM_KAFKA_CERT_FILE: its log says so")
		return
	}
	if unreachable := examine.Unreachable(ctx, advertised); len(unreachable) > 0 {
		n.Add(examine.Fault, "brokers tell clients an address that is not reached from here: "+strings.Join(unreachable, "; "),
			"correct advertised.listeners of the brokers (KAFKA_ADVERTISED_LISTENERS), or start those that are down")
		return
	}
	if len(unreached) > 0 {
		n.Add(examine.Warning, "not all of ISM_KAFKA_BROKERS are reached: "+strings.Join(unreached, "; "), "correct ISM_KAFKA_BROKERS, or start those that are down")
		return
	}
	n.OK("%s, reached at %s", examine.Count(len(advertised), "broker"), strings.Join(advertised, ", "))
}

// noBroker reports whether none of the brokers is reached.
func (c *cluster) noBroker() bool { return len(c.unreached()) == len(c.configured) }

// behindBrokers looks only if there is a broker to ask.
func (c *cluster) behindBrokers(look examine.Look) examine.Look {
	return func(ctx context.Context, n *examine.Notes) {
		if c.noBroker() {
			n.Add(examine.NotChecked, "no broker is reached, see brokers", "")
			return
		}
		look(ctx, n)
	}
}

// lookAtTopics compares the topics with the suite's table.
func (c *cluster) lookAtTopics(ctx context.Context, n *examine.Notes) {
	var names []string
	for _, topic := range c.topics {
		names = append(names, topic.Name)
	}
	found, err := c.bus.Inspect(ctx, names...)
	if bus.IsDenied(err) {
		n.Add(examine.NotChecked, err.Error(), "allow it to who looks, as docs/kafka-acls.md has it for doctor: deploy/kafka/acls doctor User:…")
		return
	}
	if err != nil {
		n.Add(examine.NotChecked, err.Error(), "see brokers; to read the settings of topics takes the right DescribeConfigs")
		return
	}
	unseen := c.unseen(ctx, found)
	for _, wanted := range c.topics {
		if topic, ok := found[wanted.Name]; ok {
			compareTopic(n, wanted, topic)
		} else if unseen[wanted.Name] {
			n.AddAs(wanted.Name, examine.NotChecked, "who looks here may not see it: what is missing is Describe on the topic "+wanted.Name,
				"allow it, as docs/kafka-acls.md has it: deploy/kafka/acls doctor User:…")
		} else {
			n.AddAs(wanted.Name, examine.Fault, "it is not there", "start the services, which make it; without the right to, make it: "+createTopic(wanted))
		}
	}
}

// unseen are the topics that were not found because brokers hide what may not be described.
func (c *cluster) unseen(ctx context.Context, found map[string]bus.Topic) map[string]bool {
	var needed []bus.Right
	for _, topic := range c.topics {
		if _, ok := found[topic.Name]; !ok {
			needed = append(needed, bus.Right{Operation: "Describe", Resource: "topic", Name: topic.Name})
		}
	}
	unseen := map[string]bool{}
	if len(needed) == 0 {
		return unseen
	}
	lacking, _ := c.bus.Lacks(ctx, needed...) // without an answer they count as not there
	for _, right := range lacking {
		unseen[right.Name] = true
	}
	return unseen
}

func createTopic(t bus.Topic) string {
	return fmt.Sprintf("kafka-topics.sh --create --topic %s --partitions %d --replication-factor %d --config retention.ms=%s --config cleanup.policy=%s --config min.insync.replicas=%d",
		t.Name, t.Partitions, t.Replication, t.RetentionMillis(), t.Cleanup, t.MinInSync)
}

func alterTopic(name, setting string) string {
	return fmt.Sprintf("kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s", name, setting)
}

func compareTopic(n *examine.Notes, wanted, found bus.Topic) {
	good := true
	note := func(result examine.Result, text, do string) {
		good = false
		n.AddAs(wanted.Name, result, text, do)
	}
	if len(found.Leaderless) > 0 {
		note(examine.Fault, fmt.Sprintf("partitions %v have no leader: nothing can be written to them or read", found.Leaderless), "start the brokers that hold them")
	}
	if found.Partitions != wanted.Partitions {
		note(examine.Warning, fmt.Sprintf("it has %d partitions, the suite makes it with %d", found.Partitions, wanted.Partitions),
			"leave them if it holds records, since keys would move; ISM_KAFKA_PARTITIONS says how new topics are made")
	}
	compareCleanup(note, wanted, found)
	if found.Replication < wanted.Replication {
		note(examine.Fault, fmt.Sprintf("it has %d replicas, ISM_KAFKA_REPLICATION is %d: a broker that dies takes acknowledged messages along", found.Replication, wanted.Replication),
			"give it more with kafka-reassign-partitions.sh")
	}
	inSync := fmt.Sprintf("min.insync.replicas=%d", max(1, found.Replication-1))
	switch {
	case found.MinInSync > found.Replication:
		note(examine.Fault, fmt.Sprintf("min.insync.replicas is %d with %d replicas: nothing can be written", found.MinInSync, found.Replication), alterTopic(wanted.Name, inSync))
	case found.MinInSync < wanted.MinInSync:
		note(examine.Fault, fmt.Sprintf("min.insync.replicas is %d instead of %d: what is acknowledged may be on too few brokers", found.MinInSync, wanted.MinInSync), alterTopic(wanted.Name, inSync))
	}
	if good {
		n.AddAs(wanted.Name, examine.OK, fmt.Sprintf("%s, %s, %s, %d in sync at least", examine.Count(found.Partitions, "partition"), kept(maxAge(found)), examine.Count(found.Replication, "replica"), found.MinInSync), "")
	}
}

// compareCleanup looks whether the topic loses what the suite's does not, and keeps what it does not.
func compareCleanup(note func(result examine.Result, text, do string), wanted, found bus.Topic) {
	do := alterTopic(wanted.Name, fmt.Sprintf("cleanup.policy=[%s],retention.ms=%s", wanted.Cleanup, wanted.RetentionMillis()))
	age, longest := maxAge(found), maxAge(wanted)
	switch {
	case age != 0 && (longest == 0 || age < longest):
		note(examine.Fault, fmt.Sprintf("records are %s instead of %s: what is not read by then is lost", kept(age), kept(longest)), do)
	case age != longest:
		note(examine.Warning, fmt.Sprintf("records are %s instead of %s, which costs disk", kept(age), kept(longest)), do)
	}
	switch {
	case compacts(found) && !compacts(wanted):
		note(examine.Fault, "it is compacted: of each key, which is a room or a user, only the newest record is kept", do)
	case !compacts(found) && compacts(wanted):
		note(examine.Warning, "it is not compacted, which costs disk", do)
	}
}

// maxAge is how old the topic's records become; 0: any age.
func maxAge(t bus.Topic) time.Duration {
	if !slices.Contains(strings.Split(t.Cleanup, ","), "delete") {
		return 0
	}
	return t.Retention
}

func compacts(t bus.Topic) bool { return slices.Contains(strings.Split(t.Cleanup, ","), "compact") }

func kept(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return "kept for ever"
	case d >= day && d%day == 0:
		return fmt.Sprintf("kept %d days", d/day)
	default:
		return "kept " + d.String()
	}
}

// lookAtGroup sees whether somebody reads, and how far behind.
func (c *cluster) lookAtGroup(ctx context.Context, n *examine.Notes, of Group) {
	group, err := c.bus.InspectGroup(ctx, of.Name, of.Topic)
	switch {
	case bus.IsDenied(err):
		n.Add(examine.NotChecked, "who looks here may not see it: what is missing is Describe on the group "+of.Name+", or on the topic "+of.Topic,
			"allow it, as docs/kafka-acls.md has it: deploy/kafka/acls doctor User:…")
	case err != nil:
		n.Add(examine.NotChecked, err.Error(), "see brokers; to read a group takes the right Describe")
	case group.Members == 0:
		n.Add(examine.Fault, fmt.Sprintf("nobody reads (%s), %d records wait", strings.ToLower(group.State), group.Lag), "start "+of.Service+", or look at its log")
	case group.Lag > tooFarBehind:
		n.Add(examine.Warning, fmt.Sprintf("%d members, %d records behind", group.Members, group.Lag),
			"look again in a minute: if it grows, see "+of.Service+"'s runbook, and add replicas up to the number of partitions")
	default:
		n.OK("%s, %d records behind", examine.Count(group.Members, "member"), group.Lag)
	}
}
