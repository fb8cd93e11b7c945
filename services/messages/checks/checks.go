// Package checks gives what `ism doctor` checks of messages: its Cassandra or ScyllaDB, and the machine that this runs on.
package checks

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

const (
	prefix   = "ISM_MESSAGES_CASSANDRA_"
	aioFile  = "/proc/sys/fs/aio-max-nr"
	mapsFile = "/proc/sys/vm/max_map_count"

	leastAIO  = 1048576 // what ScyllaDB asks for
	leastMaps = 1048575 // what Cassandra asks for
)

// Part is the check of the cluster, the keyspace, its tables and replicas, and of the machine's limits.
func Part(cfg cassandra.Config, migrates cassandra.Migrate, found config.Findings) examine.Part {
	return examine.Part{
		Checks: []examine.Check{
			{Group: "messages", Name: "cassandra", Look: examine.Configured(found, prefix, "HOSTS", func(ctx context.Context, n *examine.Notes) {
				lookAtCassandra(ctx, n, cfg, migrates)
			})},
			{Group: "host", Name: "aio-max-nr", Look: func(_ context.Context, n *examine.Notes) { lookAtAIO(n, found.Has(prefix), aioFile) }},
		},
		Secrets: examine.Password(cfg.Username, cfg.Password),
	}
}

func lookAtCassandra(ctx context.Context, n *examine.Notes, cfg cassandra.Config, migrates cassandra.Migrate) {
	n.Certificates(prefix+"CERT_FILE and CA_FILE", cfg.Certificates(), time.Now())
	if lost := examine.Unreachable(ctx, withPort(cfg.Hosts)); len(lost) == len(cfg.Hosts) {
		n.Add(examine.Fault, strings.Join(lost, "; "), "start Cassandra or ScyllaDB, or correct ISM_MESSAGES_CASSANDRA_HOSTS")
		return
	}
	found, err := cassandra.Inspect(ctx, cfg)
	if err != nil && found.Nodes == 0 {
		found := err.Error()
		if certificates.Refused(err) != "" {
			found = examine.Explain(err)
		}
		n.Add(examine.Fault, "it is reached, but refuses: "+found, adviceForCassandra(err))
		return
	}
	if err != nil {
		n.Add(examine.Fault, err.Error(), "let the role read system_schema")
		return
	}
	name := "Cassandra " + found.Release
	if found.Scylla {
		name = "ScyllaDB"
	}
	n.OK("%s, %s, datacenter %s", name, examine.Count(found.Nodes, "node"), found.Datacenter)
	if cfg.Datacenter != "" && cfg.Datacenter != found.Datacenter {
		n.AddAs("datacenter", examine.Warning, fmt.Sprintf("the node that answered is in %s, ISM_MESSAGES_CASSANDRA_DATACENTER is %s", found.Datacenter, cfg.Datacenter),
			"name nodes of this datacenter in ISM_MESSAGES_CASSANDRA_HOSTS")
	}
	compareKeyspace(n, cfg.Keyspace, migrates, found)
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
	if strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "certificate") {
		return "see whether the node's certificate is of ISM_MESSAGES_CASSANDRA_CA_FILE and has the node's address or ISM_MESSAGES_CASSANDRA_SERVER_NAME, and whether it takes that of ISM_MESSAGES_CASSANDRA_CERT_FILE"
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

func compareKeyspace(n *examine.Notes, keyspace string, migrates cassandra.Migrate, found cassandra.Inspection) {
	makes := "start messages, which makes it, and look at its log"
	if migrates != cassandra.MigrateAuto {
		makes = "ISM_MESSAGES_MIGRATE is " + string(migrates) + ": run messages migrate up as a role that may make tables: docs/operations.md, upgrading"
	}
	if !found.Keyspace {
		n.AddAs("keyspace", examine.Fault, "there is no keyspace "+keyspace, makes+"; or correct ISM_MESSAGES_CASSANDRA_KEYSPACE")
		return
	}
	if len(found.MissingTables) > 0 {
		n.AddAs("tables", examine.Fault, keyspace+" lacks "+strings.Join(found.MissingTables, ", "), makes)
	} else {
		n.AddAs("tables", examine.OK, keyspace+" has all of them", "")
	}
	if len(found.MissingSteps) > 0 && len(found.MissingTables) == 0 {
		n.AddAs("schema", examine.Fault, keyspace+" lacks "+strings.Join(found.MissingSteps, ", "), makes)
	}
	compareReplication(n, keyspace, found)
}

func compareReplication(n *examine.Notes, keyspace string, found cassandra.Inspection) {
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
		n.AddAs("replication", examine.Fault, fmt.Sprintf("%s has no replicas in datacenter %s: LOCAL_QUORUM fails", keyspace, found.Datacenter), alter(min(found.Nodes, 3)))
	case quorum > found.Nodes:
		n.AddAs("replication", examine.Fault, fmt.Sprintf("%d replicas on %d nodes: a quorum of %d is never there", factor, found.Nodes, quorum), "add nodes, or "+alter(found.Nodes))
	case factor > found.Nodes:
		n.AddAs("replication", examine.Warning, fmt.Sprintf("%d replicas on %d nodes: none may fail", factor, found.Nodes), "add nodes, or "+alter(found.Nodes))
	case simple:
		n.AddAs("replication", examine.Warning, "SimpleStrategy knows no datacenters", alter(factor))
	case factor < 3 && found.Nodes >= 3:
		n.AddAs("replication", examine.Warning, fmt.Sprintf("%d replicas on %d nodes: a node that fails takes messages out of reach", factor, found.Nodes), alter(3))
	default:
		n.AddAs("replication", examine.OK, fmt.Sprintf("%s on %s", examine.Count(factor, "replica"), examine.Count(found.Nodes, "node")), "")
	}
}

// lookAtAIO sees whether ScyllaDB, where it is here, can have as many requests in flight as it needs.
func lookAtAIO(n *examine.Notes, here bool, file string) {
	if !here {
		n.Add(examine.NotChecked, "this need not be where ScyllaDB runs", "run it there: docker compose run --rm doctor")
		return
	}
	value, err := readNumber(file)
	switch {
	case err != nil:
		n.Add(examine.NotChecked, "it cannot be read here: "+err.Error(), fmt.Sprintf("on the machine of ScyllaDB: sysctl fs.aio-max-nr; it must be %d or more", leastAIO))
	case value < leastAIO:
		n.Add(examine.Warning, fmt.Sprintf("fs.aio-max-nr is %d; ScyllaDB needs %d, or it does not start", value, leastAIO), fmt.Sprintf("on the machine itself: sysctl -w fs.aio-max-nr=%d, and the same line in /etc/sysctl.d", leastAIO))
	default:
		n.OK("fs.aio-max-nr is %d", value)
	}
}

// lookAtMaps sees whether Cassandra can map its files.
func lookAtMaps(n *examine.Notes, file string) {
	const name = "max_map_count"
	if value, err := readNumber(file); err == nil && value < leastMaps {
		n.AddAs(name, examine.Warning, fmt.Sprintf("vm.max_map_count is %d here; Cassandra asks for %d, and may end when it has many tables' files", value, leastMaps),
			fmt.Sprintf("on the machine of Cassandra: sysctl -w vm.max_map_count=%d, and the same line in /etc/sysctl.d", leastMaps))
	}
}

func readNumber(file string) (uint64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
}
