package doctor

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

// makeTopic makes a topic that no other test has, and takes it away.
func makeTopic(t *testing.T, brokers []string, partitions int, settings map[string]string) string {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": strings.Join(brokers, ","), "log_level": 0})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	name := "ism.test." + uuid.NewString()
	results, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, Config: settings}})
	if err != nil || results[0].Error.Code() != kafka.ErrNoError {
		t.Fatalf("make a topic: %v, %v", results, err)
	}
	t.Cleanup(func() { _, _ = admin.DeleteTopics(ctx, []string{name}) })
	for {
		metadata, err := admin.GetMetadata(&name, false, 5000)
		if err == nil && len(metadata.Topics[name].Partitions) == partitions {
			return name
		}
		if ctx.Err() != nil {
			t.Fatalf("the topic is not there: %v", err)
		}
	}
}

func TestTopicsThatDifferFromTheTableAreNamed(t *testing.T) {
	brokers := enginetest.KafkaBrokers(t)
	variables := "ISM_KAFKA_BROKERS=" + strings.Join(brokers, ",")
	wanted := bus.Topic{Partitions: 2, Replication: 1, MinInSync: 1, Retention: time.Hour}
	for name, test := range map[string]struct {
		partitions int
		settings   map[string]string
		change     func(*bus.Topic)
		result     Result
		words      []string
	}{
		"as the table has it":       {2, map[string]string{"retention.ms": "3600000"}, nil, OK, []string{"2 partitions", "kept 1h0m0s"}},
		"kept too short":            {2, map[string]string{"retention.ms": "60000"}, nil, Fault, []string{"kept for 1m0s instead of 1h0m0s", "retention.ms=3600000"}},
		"kept too long":             {2, map[string]string{"retention.ms": "-1"}, nil, Warning, []string{"longer"}},
		"too many partitions":       {3, map[string]string{"retention.ms": "3600000"}, nil, Warning, []string{"3 partitions", "with 2"}},
		"nothing can be written":    {2, map[string]string{"retention.ms": "3600000", "min.insync.replicas": "2"}, nil, Fault, []string{"nothing can be written", "min.insync.replicas=1"}},
		"fewer replicas than asked": {2, map[string]string{"retention.ms": "3600000"}, func(t *bus.Topic) { t.Replication = 3 }, Fault, []string{"1 replicas, ISM_KAFKA_REPLICATION is 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := doctorFor(t, "http://localhost:1", variables)
			topic := wanted
			topic.Name = makeTopic(t, brokers, test.partitions, test.settings)
			if test.change != nil {
				test.change(&topic)
			}
			d.topics = []bus.Topic{topic}
			expect(t, find(t, d.kafkaChecks(), topic.Name), test.result, test.words...)
		})
	}
	t.Run("missing", func(t *testing.T) {
		d := doctorFor(t, "http://localhost:1", variables)
		missing := wanted
		missing.Name = "ism.test." + uuid.NewString()
		d.topics = []bus.Topic{missing}
		expect(t, find(t, d.kafkaChecks(), missing.Name), Fault, "not there", "--partitions 2", "retention.ms=3600000")
	})
}

func TestBrokersAndGroups(t *testing.T) {
	brokers := enginetest.KafkaBrokers(t)
	d := doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS="+strings.Join(brokers, ","))
	expect(t, find(t, d.kafkaChecks(), "brokers"), OK, brokers[0])
	nobody := []check{{group: kafkaGroup, name: "g", look: func(ctx context.Context, n *notes) { d.lookAtGroup(ctx, n, "ism.rooms."+uuid.NewString()) }}}
	expect(t, find(t, nobody, "g"), Fault, "nobody reads", "start rooms")

	gone := closedPort(t)
	d = doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS="+gone)
	expect(t, find(t, d.kafkaChecks(), "brokers"), Fault, gone, "nothing listens", "ISM_KAFKA_BROKERS")
	expect(t, find(t, d.kafkaChecks(), "topics"), NotChecked)
	expect(t, find(t, d.kafkaChecks(), "ism.rooms.previews"), NotChecked)
	d = doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS="+gone+","+brokers[0])
	expect(t, find(t, d.kafkaChecks(), "brokers"), Warning, gone)
}

// onDatabase gives a doctor for a database.
func onDatabase(t *testing.T, address string, more ...string) *doctor {
	t.Helper()
	return doctorFor(t, "http://localhost:1", append(more, "ISM_ROOMS_POSTGRES_URL="+address)...)
}

func TestPostgres(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	expect(t, find(t, onDatabase(t, address).roomsChecks(), "postgres"), OK)
	expect(t, find(t, onDatabase(t, address).roomsChecks(), "role"), Warning, "superuser")
	expect(t, find(t, onDatabase(t, address).roomsChecks(), "migrations"), Fault, "00001_rooms.sql", "start rooms")
	expect(t, find(t, onDatabase(t, address, "ISM_ROOMS_POSTGRES_MIGRATE=false").roomsChecks(), "migrations"), Fault, "ISM_ROOMS_POSTGRES_MIGRATE=true")
	migrate(t, address)
	expect(t, find(t, onDatabase(t, address).roomsChecks(), "migrations"), OK)
	execute(t, address, "DELETE FROM goose_db_version WHERE version_id = 1")
	expect(t, find(t, onDatabase(t, address).roomsChecks(), "migrations"), Fault, "00001_rooms.sql")
}

func TestPostgresThatIsNotReached(t *testing.T) {
	address := enginetest.Postgres(t)
	gone := closedPort(t)
	expect(t, find(t, onDatabase(t, "postgres://rooms:hush-hush@"+gone+"/rooms").roomsChecks(), "postgres"), Fault, gone, "nothing listens")
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	at.Path = "/no_such_database"
	expect(t, find(t, onDatabase(t, at.String()).roomsChecks(), "postgres"), Fault, "3D000", `CREATE DATABASE "no_such_database"`)
	at.User = url.UserPassword("no_such_role", "hush-hush")
	got := find(t, onDatabase(t, at.String()).roomsChecks(), "postgres")
	expect(t, got, Fault, "28", "ISM_ROOMS_POSTGRES_URL")
	if strings.Contains(got.Found+got.Do, "hush-hush") {
		t.Errorf("the password is told: %v", got)
	}
}

func TestARoleOfItsOwnIsFine(t *testing.T) {
	address := enginetest.PostgresDatabase(t)
	role := "ism_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, address, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret-of-the-role'")
	database := at.Path[1:]
	execute(t, address, "ALTER DATABASE "+database+" OWNER TO "+role)
	t.Cleanup(func() {
		execute(t, address, "ALTER DATABASE "+database+" OWNER TO postgres")
		execute(t, address, "DROP OWNED BY "+role)
		execute(t, address, "DROP ROLE "+role)
	})
	at.User = url.UserPassword(role, "secret-of-the-role")
	expect(t, find(t, onDatabase(t, at.String()).roomsChecks(), "role"), OK)
	execute(t, address, "ALTER ROLE "+role+" CREATEDB")
	expect(t, find(t, onDatabase(t, at.String()).roomsChecks(), "role"), Warning, "databases or roles")
	other := database + "_2"
	execute(t, address, "CREATE DATABASE "+other+" OWNER "+role)
	t.Cleanup(func() { execute(t, address, "DROP DATABASE "+other) })
	expect(t, find(t, onDatabase(t, at.String()).roomsChecks(), "role"), Warning, other)
}

// migrate lets the store bring a database up to date.
func migrate(t *testing.T, address string) {
	t.Helper()
	store, err := postgres.New(postgres.Config{URL: config.Secret(address), PoolSize: 1, StatementTimeout: 5 * time.Second, Migrate: true}, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	run(t, store.Run, store.Ping)
}

// run runs a store until it answers.
func run(t *testing.T, work, ping func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
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

func execute(t *testing.T, address, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestCassandra(t *testing.T) {
	cfg := cassandratest.Config(t)
	variables := []string{
		"ISM_MESSAGES_CASSANDRA_HOSTS=" + strings.Join(cfg.Hosts, ","), "ISM_MESSAGES_CASSANDRA_KEYSPACE=" + cfg.Keyspace,
		"ISM_MESSAGES_CASSANDRA_USERNAME=" + cfg.Username, "ISM_MESSAGES_CASSANDRA_PASSWORD=" + cfg.Password.Reveal(),
		"ISM_MESSAGES_CASSANDRA_TIMEOUT=4s",
	}
	look := func(more ...string) []check {
		return doctorFor(t, "http://localhost:1", append(more, variables...)...).messagesChecks()
	}
	expect(t, find(t, look(), "cassandra"), OK, "1 node", "datacenter")
	expect(t, find(t, look(), "keyspace"), Fault, cfg.Keyspace, "start messages")
	expect(t, find(t, look("ISM_MESSAGES_CASSANDRA_MIGRATE=false"), "keyspace"), Fault, "ISM_MESSAGES_CASSANDRA_MIGRATE=true")

	store, err := cassandra.New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	run(t, store.Run, store.Ping)
	expect(t, find(t, look(), "tables"), OK)
	expect(t, find(t, look(), "replication"), OK, "1 replica on 1 node")
	expect(t, find(t, look("ISM_MESSAGES_CASSANDRA_DATACENTER=elsewhere"), "datacenter"), Warning, "elsewhere")

	gone := closedPort(t)
	expect(t, find(t, doctorFor(t, "http://localhost:1", "ISM_MESSAGES_CASSANDRA_HOSTS="+gone).messagesChecks(), "cassandra"), Fault, gone, "nothing listens")
}

func TestCredentialsThatCassandraRefusesAreNamed(t *testing.T) {
	for text, word := range map[string]string{
		"gocql: unable to create session: unable to connect to initial hosts: Provided username nobody and/or password are incorrect": "ISM_MESSAGES_CASSANDRA_PASSWORD",
		"connect: gocql: no connections were made when creating the session: authentication required":                                 "ISM_MESSAGES_CASSANDRA_USERNAME",
		"connect: gocql: unable to create session: unexpected EOF":                                                                    "log of the node",
	} {
		if got := adviceForCassandra(errors.New(text)); !strings.Contains(got, word) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestReplicationIsJudgedByTheNodes(t *testing.T) {
	for _, test := range []struct {
		replication map[string]string
		nodes       int
		result      Result
	}{
		{map[string]string{"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", "dc1": "3"}, 3, OK},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "1"}, 1, OK},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "3"}, 2, Warning},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "3"}, 1, Fault},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc2": "3"}, 3, Fault},
		{map[string]string{"class": "NetworkTopologyStrategy", "dc1": "1"}, 3, Warning},
		{map[string]string{"class": "SimpleStrategy", "replication_factor": "1"}, 1, Warning},
	} {
		n := &notes{}
		judgeReplication(n, "k", cassandra.Inspection{Datacenter: "dc1", Nodes: test.nodes, Replication: test.replication})
		if got := n.close()[0]; got.Result != test.result {
			t.Errorf("%v on %d nodes: %v", test.replication, test.nodes, got)
		}
	}
	n := &notes{}
	judgeKeyspace(n, cassandra.Config{Keyspace: "k"}, cassandra.Inspection{Keyspace: true, Nodes: 1, MissingTables: []string{"room_places"}})
	expect(t, n.close()[0], Fault, "room_places", "ISM_MESSAGES_CASSANDRA_MIGRATE=true")
}
