package checks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// onCluster gives the checks of a cluster.
func onCluster(t *testing.T, variables ...string) []examine.Check {
	t.Helper()
	var cfg struct {
		Messages struct {
			Cassandra cassandra.Config
			Migrate   cassandra.Migrate `envconfig:"MIGRATE" default:"auto" desc:"-"`
		}
	}
	found := examinetest.Survey(t, &cfg, variables...)
	return Part(cfg.Messages.Cassandra, cfg.Messages.Migrate, found).Checks
}

// run runs a store until it answers.
func run(t *testing.T, work, ping func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a schema is made
	defer cancel()
	working, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- work(working) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ping(ctx) != nil && ctx.Err() == nil {
		<-tick.C
	}
	stop()
	if err := <-ended; err != nil || ctx.Err() != nil {
		t.Fatalf("the store has not come up: %v, %v", err, ctx.Err())
	}
}

func TestCassandra(t *testing.T) {
	cfg := cassandratest.Config(t)
	variables := []string{
		"ISM_MESSAGES_CASSANDRA_HOSTS=" + strings.Join(cfg.Hosts, ","), "ISM_MESSAGES_CASSANDRA_KEYSPACE=" + cfg.Keyspace,
		"ISM_MESSAGES_CASSANDRA_USERNAME=" + cfg.Username, "ISM_MESSAGES_CASSANDRA_PASSWORD=" + cfg.Password.Reveal(),
		"ISM_MESSAGES_CASSANDRA_TIMEOUT=4s",
	}
	look := func(more ...string) []examine.Check { return onCluster(t, append(more, variables...)...) }
	examinetest.Expect(t, examinetest.Find(t, look(), "cassandra"), examine.OK, "1 node", "datacenter")
	examinetest.Expect(t, examinetest.Find(t, look(), "keyspace"), examine.Fault, cfg.Keyspace, "start messages")
	examinetest.Expect(t, examinetest.Find(t, look("ISM_MESSAGES_MIGRATE=check"), "keyspace"), examine.Fault, "messages migrate up")

	store, err := cassandra.New(cfg, cassandra.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	run(t, store.Run, store.Ping)
	examinetest.Expect(t, examinetest.Find(t, look(), "tables"), examine.OK)
	examinetest.Expect(t, examinetest.Find(t, look(), "replication"), examine.OK, "1 replica on 1 node")
	examinetest.Expect(t, examinetest.Find(t, look("ISM_MESSAGES_CASSANDRA_DATACENTER=elsewhere"), "datacenter"), examine.Warning, "elsewhere")

	gone := examinetest.ClosedPort(t)
	examinetest.Expect(t, examinetest.Find(t, onCluster(t, "ISM_MESSAGES_CASSANDRA_HOSTS="+gone), "cassandra"), examine.Fault, gone, "nothing listens")
}

func TestCredentialsThatCassandraRefusesAreNamed(t *testing.T) {
	for text, word := range map[string]string{
		"gocql: unable to create session: unable to connect to initial hosts: Provided username nobody and/or password are incorrect": "ISM_MESSAGES_CASSANDRA_PASSWORD",
		"connect: gocql: no connections were made when creating the session: authentication required":                                 "ISM_MESSAGES_CASSANDRA_USERNAME",
		"connect: gocql: unable to create session: remote error: tls: certificate required":                                           "ISM_MESSAGES_CASSANDRA_CERT_FILE",
		"connect: gocql: unable to create session: unexpected EOF":                                                                    "log of the node",
	} {
		if got := adviceForCassandra(errors.New(text)); !strings.Contains(got, word) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestReplicationIsComparedWithTheNodes(t *testing.T) {
	for _, test := range []struct {
		replication map[string]string
		nodes       int
		result      examine.Result
	}{
		{map[string]string{"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", "dc1": "3"}, 3, examine.OK},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "1"}, 1, examine.OK},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "3"}, 2, examine.Warning},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "3"}, 1, examine.Fault},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc2": "3"}, 3, examine.Fault},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "1"}, 3, examine.Warning},
		{map[string]string{"class": "SimpleStrategy", "replication_factor": "1"}, 1, examine.Warning},
	} {
		got := examinetest.Look(t, func(_ context.Context, n *examine.Notes) {
			compareReplication(n, "k", cassandra.Inspection{Datacenter: "dc1", Nodes: test.nodes, Replication: test.replication})
		})[0]
		if got.Result != test.result {
			t.Errorf("%v on %d nodes: %v", test.replication, test.nodes, got)
		}
	}
	got := examinetest.Look(t, func(_ context.Context, n *examine.Notes) {
		compareKeyspace(n, "k", cassandra.MigrateCheck, cassandra.Inspection{Keyspace: true, Nodes: 1, MissingTables: []string{"room_places"}})
	})
	examinetest.Expect(t, got[0], examine.Fault, "room_places", "ISM_MESSAGES_MIGRATE is check")
	got = examinetest.Look(t, func(_ context.Context, n *examine.Notes) {
		compareKeyspace(n, "k", cassandra.MigrateAuto, cassandra.Inspection{Keyspace: true, Nodes: 1, MissingSteps: []string{"step 3 (revisions)"}})
	})
	examinetest.Expect(t, got[1], examine.Fault, "step 3 (revisions)", "start messages")
}

func TestTheLimitsOfTheHostAreCompared(t *testing.T) {
	for content, want := range map[string]examine.Result{"1048576\n": examine.OK, "65536\n": examine.Warning, "none\n": examine.NotChecked} {
		file := filepath.Join(t.TempDir(), "number")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got := examinetest.Look(t, func(_ context.Context, n *examine.Notes) { lookAtAIO(n, true, file) })[0]
		examinetest.Expect(t, got, want)
		if want == examine.Warning {
			examinetest.Expect(t, got, want, "sysctl -w fs.aio-max-nr=1048576")
		}
		maps := examinetest.Look(t, func(_ context.Context, n *examine.Notes) { lookAtMaps(n, file) })
		if warned := len(maps) == 1; warned != (want == examine.Warning) {
			t.Errorf("max_map_count of %q: %v", content, maps)
		}
	}
}
