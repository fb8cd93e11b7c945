package deployment

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
)

// Cluster is a Kafka of three brokers, each a process of its own, whose brokers can be harmed one by one. A controller of its own, which is left
// alone, elects leaders. Topics have three replicas, of which two must be in sync.
type Cluster struct {
	Brokers []string // host:port, for bootstrap

	nodes map[int32]*process
	ready map[int32]string // host:port
	admin *kafka.AdminClient
}

const (
	brokersOfCluster = 3
	controllerID     = 9
	// sessionTimeout is how long a broker may be silent until it counts as gone: Kafka's default of nine seconds would be most of a short round.
	sessionTimeout = 2 * time.Second
)

// StartCluster starts the brokers, and ends them with the test.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	program := filepath.Join(root(t), "test", "engines", "kafka-node")
	if out, err := exec.CommandContext(t.Context(), program).CombinedOutput(); err != nil {
		t.Fatalf("get Kafka: %v\n%s", err, out)
	}
	c := &Cluster{nodes: map[int32]*process{}, ready: map[int32]string{}}
	dir, id, controller := t.TempDir(), uuid.New(), FreeAddress(t)
	cluster := base64.RawURLEncoding.EncodeToString(id[:])
	node := func(number int32, settings map[string]string) {
		name := fmt.Sprintf("kafka-%d", number)
		config := filepath.Join(dir, name+".properties")
		writeProperties(t, config, commonSettings(controller), settings, map[string]string{
			"node.id": fmt.Sprint(number), "log.dirs": filepath.Join(dir, name),
		})
		c.nodes[number] = &process{
			name: name, path: program, args: []string{cluster, config}, env: os.Environ(), logFile: filepath.Join(dir, name+".log"), infrastructure: true,
		}
	}
	node(controllerID, map[string]string{"process.roles": "controller", "listeners": "CONTROLLER://" + controller})
	for number := int32(1); number <= brokersOfCluster; number++ {
		address := FreeAddress(t)
		c.Brokers, c.ready[number] = append(c.Brokers, address), address
		node(number, map[string]string{"process.roles": "broker", "listeners": "CLIENT://" + address, "advertised.listeners": "CLIENT://" + address})
	}
	t.Cleanup(func() { c.end(t) })
	for _, p := range c.nodes {
		p.start(t)
	}
	c.connect(t)
	for number := range c.ready {
		c.awaitBroker(t, number)
	}
	return c
}

func commonSettings(controller string) map[string]string {
	return map[string]string{
		"controller.quorum.voters":       fmt.Sprintf("%d@%s", controllerID, controller),
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "CLIENT",
		"listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"broker.session.timeout.ms":      fmt.Sprint(sessionTimeout.Milliseconds()),
		"broker.heartbeat.interval.ms":   fmt.Sprint(sessionTimeout.Milliseconds() / 5),

		"min.insync.replicas":              "2",
		"offsets.topic.replication.factor": "3",
		"offsets.topic.num.partitions":     "4",
		"group.initial.rebalance.delay.ms": "0",
		"auto.create.topics.enable":        "false",
	}
}

func writeProperties(t testing.TB, path string, settings ...map[string]string) {
	t.Helper()
	all := map[string]string{}
	for _, some := range settings {
		maps.Copy(all, some)
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s=%s\n", name, all[name])
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *Cluster) connect(t testing.TB) {
	t.Helper()
	admin, err := kafka.NewAdminClient(c.clientConfig(nil))
	if err != nil {
		t.Fatal(err)
	}
	c.admin = admin
}

// clientConfig is that of the test's own clients. They go to another broker soon when one hangs.
func (c *Cluster) clientConfig(own kafka.ConfigMap) *kafka.ConfigMap {
	all := kafka.ConfigMap{
		"bootstrap.servers": strings.Join(c.Brokers, ","), "log_level": 0, "reconnect.backoff.max.ms": 500,
		"socket.timeout.ms": 3000, "socket.connection.setup.timeout.ms": 3000, "api.version.request.timeout.ms": 3000,
	}
	maps.Copy(all, own)
	return &all
}

// end ends what runs. The data is thrown away, so no broker need hand anything over to others.
func (c *Cluster) end(t testing.TB) {
	t.Helper()
	if c.admin != nil {
		c.admin.Close()
	}
	for _, p := range c.nodes {
		if p.done != nil {
			p.kill(t)
		}
	}
}

// Kill ends brokers as a crash would, all at once.
func (c *Cluster) Kill(t testing.TB, brokers ...int32) {
	t.Helper()
	for _, number := range brokers {
		c.nodes[number].kill(t)
	}
}

// Stop ends a broker as an operator would: it hands its partitions over.
func (c *Cluster) Stop(t testing.TB, broker int32) {
	t.Helper()
	p := c.nodes[broker]
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(startTimeout):
		t.Fatalf("%s did not stop:\n%s", p.name, p.tail())
	}
}

// Start starts brokers that have ended, and waits until the others know of them.
func (c *Cluster) Start(t testing.TB, brokers ...int32) {
	t.Helper()
	for _, number := range brokers {
		c.nodes[number].start(t)
	}
	for _, number := range brokers {
		c.awaitBroker(t, number)
	}
}

// Freeze has brokers stand still until the function that it gives is called, or the test ends.
func (c *Cluster) Freeze(t testing.TB, brokers ...int32) (thaw func()) {
	t.Helper()
	var frozen []*process
	for _, number := range brokers {
		frozen = append(frozen, c.nodes[number])
	}
	return freeze(t, frozen...)
}

// awaitBroker waits until the broker answers, and the controller counts it among those that live.
func (c *Cluster) awaitBroker(t testing.TB, number int32) {
	t.Helper()
	c.await(t, fmt.Sprintf("broker %d to live", number), func() error {
		select {
		case <-c.nodes[number].done:
			t.Fatalf("broker %d has ended:\n%s", number, c.nodes[number].tail())
		default:
		}
		connection, err := net.DialTimeout("tcp", c.ready[number], time.Second)
		if err != nil {
			return err
		}
		_ = connection.Close()
		metadata, err := c.admin.GetMetadata(nil, true, 2000)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(metadata.Brokers, func(b kafka.BrokerMetadata) bool { return b.ID == number }) {
			return fmt.Errorf("the brokers are %v", metadata.Brokers)
		}
		return nil
	})
}

// await calls do until it gives no error.
func (c *Cluster) await(t testing.TB, what string, do func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(startTimeout); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if err = do(); err == nil {
			return
		}
	}
	t.Fatalf("wait for %s: %v", what, err)
}

// within is the time that a call to the cluster may take.
func within(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
}
