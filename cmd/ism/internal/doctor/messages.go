package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

const messagesGroup = "messages"

func (d *doctor) messagesChecks() []check {
	return []check{{group: messagesGroup, name: "cassandra", look: d.lookAtCassandra}}
}

func (d *doctor) lookAtCassandra(ctx context.Context, n *notes) {
	if !d.settings.usable(n, "ISM_MESSAGES_CASSANDRA_", "ISM_MESSAGES_CASSANDRA_HOSTS") {
		return
	}
	cfg := d.settings.messages.Messages.Cassandra
	if lost := unreachable(ctx, withPort(cfg.Hosts)); len(lost) == len(cfg.Hosts) {
		n.add(Fault, strings.Join(lost, "; "), "start Cassandra or ScyllaDB, or correct ISM_MESSAGES_CASSANDRA_HOSTS")
		return
	}
	found, err := cassandra.Inspect(ctx, cfg)
	if err != nil && found.Nodes == 0 {
		n.add(Fault, "it is reached, but refuses: "+err.Error(), adviceForCassandra(err))
		return
	}
	if err != nil {
		n.add(Fault, err.Error(), "let the role read system_schema")
		return
	}
	name := "Cassandra " + found.Release
	if found.Scylla {
		name = "ScyllaDB"
	}
	n.ok("%s, %s, datacenter %s", name, count(found.Nodes, "node"), found.Datacenter)
	if cfg.Datacenter != "" && cfg.Datacenter != found.Datacenter {
		n.addAs("datacenter", Warning, fmt.Sprintf("the node that answered is in %s, ISM_MESSAGES_CASSANDRA_DATACENTER is %s", found.Datacenter, cfg.Datacenter),
			"name nodes of this datacenter in ISM_MESSAGES_CASSANDRA_HOSTS")
	}
	judgeKeyspace(n, cfg, found)
	if !found.Scylla {
		lookAtMaps(n, mapsFile)
	}
}

// adviceForCassandra knows what nodes say to wrong credentials, which the driver passes on as text alone.
func adviceForCassandra(err error) string {
	for _, word := range []string{"uthenticat", "username", "credentials"} {
		if strings.Contains(err.Error(), word) {
			return "correct ISM_MESSAGES_CASSANDRA_USERNAME and ISM_MESSAGES_CASSANDRA_PASSWORD"
		}
	}
	return "see the log of the node"
}

// withPort adds the port that the driver takes where none is given.
func withPort(hosts []string) []string {
	all := make([]string, len(hosts))
	for i, host := range hosts {
		all[i] = host
		if !strings.Contains(host, ":") {
			all[i] = host + ":9042"
		}
	}
	return all
}

func judgeKeyspace(n *notes, cfg cassandra.Config, found cassandra.Inspection) {
	makes := "start messages, which makes it, and look at its log"
	if !cfg.Migrate {
		makes = "start messages once with ISM_MESSAGES_CASSANDRA_MIGRATE=true"
	}
	if !found.Keyspace {
		n.addAs("keyspace", Fault, "there is no keyspace "+cfg.Keyspace, makes+"; or correct ISM_MESSAGES_CASSANDRA_KEYSPACE")
		return
	}
	if len(found.MissingTables) > 0 {
		n.addAs("tables", Fault, cfg.Keyspace+" lacks "+strings.Join(found.MissingTables, ", "), makes)
	} else {
		n.addAs("tables", OK, cfg.Keyspace+" has all of them", "")
	}
	judgeReplication(n, cfg.Keyspace, found)
}

func judgeReplication(n *notes, keyspace string, found cassandra.Inspection) {
	factor, _ := strconv.Atoi(found.Replication[found.Datacenter])
	alter := func(factor int) string {
		return fmt.Sprintf("ALTER KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': %d}, then nodetool repair", keyspace, found.Datacenter, factor)
	}
	simple := strings.HasSuffix(found.Replication["class"], "SimpleStrategy")
	if simple {
		factor, _ = strconv.Atoi(found.Replication["replication_factor"])
	}
	quorum := factor/2 + 1
	switch {
	case factor == 0:
		n.addAs("replication", Fault, fmt.Sprintf("%s has no replicas in datacenter %s: LOCAL_QUORUM fails", keyspace, found.Datacenter), alter(min(found.Nodes, 3)))
	case quorum > found.Nodes:
		n.addAs("replication", Fault, fmt.Sprintf("%d replicas on %d nodes: a quorum of %d is never there", factor, found.Nodes, quorum), "add nodes, or "+alter(found.Nodes))
	case factor > found.Nodes:
		n.addAs("replication", Warning, fmt.Sprintf("%d replicas on %d nodes: none may fail", factor, found.Nodes), "add nodes, or "+alter(found.Nodes))
	case simple:
		n.addAs("replication", Warning, "SimpleStrategy knows no datacenters", alter(factor))
	case factor < 3 && found.Nodes >= 3:
		n.addAs("replication", Warning, fmt.Sprintf("%d replicas on %d nodes: a node that fails takes messages out of reach", factor, found.Nodes), alter(3))
	default:
		n.addAs("replication", OK, fmt.Sprintf("%s on %s", count(factor, "replica"), count(found.Nodes, "node")), "")
	}
}
