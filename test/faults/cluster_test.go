package faults

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// leastStall is how long a partition stands still before sends to it fail, a little less than [bus.Appender] has it.
const leastStall = 3 * time.Second

// long is how long something hangs in the long round of make faults; 0 in the short one.
func long() time.Duration {
	seconds, _ := strconv.Atoi(os.Getenv("ISM_TEST_LONG_FAULTS"))
	return time.Duration(seconds) * time.Second
}

// clustered is a messenger on a cluster of brokers.
type clustered struct {
	*deployment.Deployment
	cluster *deployment.Cluster
	letters int // dead letters that tests have provoked
}

// Five services, with two edges, on a cluster of three brokers, of which one after the other is harmed. The last test leaves a log that is not whole.
func TestCluster(t *testing.T) {
	cluster := deployment.StartCluster(t)
	settings := deployment.Settings{}
	if long() > 0 {
		settings["ISM_REALTIME_RING_WINDOW"] = (long() / 2).String() // an edge hangs for longer
	}
	c := &clustered{Deployment: deployment.FiveProcessesOn(t, cluster, settings), cluster: cluster}
	tests := []struct {
		name string
		run  func(*testing.T)
		long bool // of the long round alone
	}{
		{"brokers are lost and come back", c.brokersAreLost, false},
		{"two brokers hang", c.twoBrokersHang, true},
		{"a broker hangs", c.brokerHangs, true},
		{"dead letters are not taken", c.deadLettersAreNotTaken, false},
		{"an edge hangs, and a broker is restarted", c.edgeHangs, false},
		{"the log loses its end", c.logLosesItsEnd, false},
	}
	for _, test := range tests {
		if test.long && long() == 0 {
			continue
		}
		passed := t.Run(test.name, func(t *testing.T) {
			begun := time.Now()
			test.run(t)
			t.Logf("it took %.1f s", time.Since(begun).Seconds())
		})
		if !passed {
			return
		}
	}
}

// A broker dies: sends go on. Another one hangs, so that one replica of three is left: nothing is acknowledged. What had been sent by then is
// unknown, and written once when the brokers are back; what comes later is refused.
func (c *clustered) brokersAreLost(t *testing.T) {
	chat := traffic.Begin(t, c.Deployment)
	first, others := c.leader(t, chat)
	c.cluster.Kill(t, first)
	chat.AwaitEverywhere(t, 20)
	c.refuses(t, chat, others[0])
	c.cluster.Start(t, first)
	report := c.verify(t, chat, traffic.Options{})
	if len(report.Refused) == 0 || len(report.Unknown) == 0 {
		t.Error("no send failed: the partitions had enough replicas")
	}
}

// Two of three brokers hang, for long.
func (c *clustered) twoBrokersHang(t *testing.T) {
	chat := traffic.Begin(t, c.Deployment)
	first, others := c.leader(t, chat)
	c.refuses(t, chat, first, others[0])
	c.verify(t, chat, traffic.Options{})
}

// refuses has brokers hang until sends fail, and in the long round for longer, and waits until sends are acknowledged again.
func (c *clustered) refuses(t *testing.T, chat *traffic.Traffic, brokers ...int32) {
	t.Helper()
	thaw := c.cluster.Freeze(t, brokers...)
	chat.AwaitFailed(t, "outcome-unknown", 1)
	chat.AwaitFailed(t, "kafka-unavailable", 50)
	traffic.Wait(long())
	thaw()
	chat.AwaitAcknowledged(t, 100)
}

// A broker hangs for long, and believes afterwards that it leads what others have led meanwhile. Sends go on in all rooms.
func (c *clustered) brokerHangs(t *testing.T) {
	chat := traffic.Begin(t, c.Deployment)
	first, _ := c.leader(t, chat)
	begun := time.Now()
	thaw := c.cluster.Freeze(t, first)
	chat.AwaitEverywhere(t, 20)
	t.Logf("sends go on in all rooms after %.1f s", time.Since(begun).Seconds())
	traffic.Wait(long())
	chat.AwaitEverywhere(t, 20)
	thaw()
	c.verify(t, chat, traffic.Options{})
}

// Dead letters are what consumers write on. While the brokers do not take them, since one of three hangs, the partition of a record that nobody can
// read waits, and is seen to wait; sends go on.
func (c *clustered) deadLettersAreNotTaken(t *testing.T) {
	chat := traffic.Begin(t, c.Deployment)
	c.cluster.Configure(t, events.TopicDeadLetters, map[string]string{"min.insync.replicas": "3"})
	first, _ := c.leader(t, chat)
	thaw := c.cluster.Freeze(t, first)
	c.cluster.AwaitPartitions(t, events.TopicDeadLetters, "lack a replica", func(p deployment.Partition) bool { return p.Leader >= 0 && len(p.InSync) < 3 })
	c.cluster.Append(t, events.TopicRooms, chat.Rooms()[0].String(), []byte("nobody can read this"))
	for service, group := range map[string]string{"messages": "ism.messages.timeline", "rooms": "ism.rooms.previews"} {
		c.awaitWaiting(t, service, group, func(waiting map[int32]float64) bool { return len(waiting) > 0 })
	}
	chat.AwaitEverywhere(t, 20)
	thaw()
	c.awaitHealthy(t)
	// The others leave a record alone that does not say of what type it is.
	groups := []string{"ism.messages.timeline", "ism.rooms.previews"}
	c.letters = len(groups)
	for end := time.Now().Add(time.Minute); len(c.deadLetters(t)) < c.letters && time.Now().Before(end); {
		traffic.Wait(500 * time.Millisecond)
	}
	report := c.verify(t, chat, traffic.Options{Resync: true})
	for _, group := range groups {
		if !slices.ContainsFunc(c.deadLetters(t), func(r deployment.LogRecord) bool { return r.Headers["ism_group"] == group }) {
			t.Errorf("there is no letter of %s", group)
		}
	}
	for user := range report.Streams {
		if report.Resyncs(user) == 0 {
			t.Errorf("%s was told nothing", user)
		}
	}
}

// An operator restarts a broker: no send is refused, unless it takes longer than a stall may last. Meanwhile an edge hangs, and half of the users
// go from edge to edge: nothing is missing that they are not told of, and nothing comes twice, but behind the Resync of an edge that could not reach
// their ids in time: it goes on from where it is.
func (c *clustered) edgeHangs(t *testing.T) {
	const movers = 10
	chat := traffic.Begin(t, c.Deployment)
	first, _ := c.leader(t, chat)
	move := func(times int) {
		for range times {
			chat.Move(movers)
			chat.AwaitAcknowledged(t, 50)
		}
	}
	move(3)
	thaw := c.Freeze(t, "realtime-2")
	c.cluster.Stop(t, first)
	move(6) // every other time to the edge that hangs, and away from there
	c.cluster.Start(t, first)
	traffic.Wait(long())
	thaw()
	move(6)
	c.verify(t, chat, traffic.Options{Resync: true, Behind: true})
}

// leader waits until all is well and users chat, and gives the broker that most depends on, and the others.
func (c *clustered) leader(t *testing.T, chat *traffic.Traffic) (broker int32, others []int32) {
	t.Helper()
	c.awaitHealthy(t)
	chat.AwaitAcknowledged(t, 100)
	return c.cluster.LeaderOf(t, events.TopicRooms)
}

// awaitHealthy waits until the cluster has all replicas of what the messenger has there.
func (c *clustered) awaitHealthy(t *testing.T) {
	t.Helper()
	c.cluster.AwaitHealthy(t, events.TopicRooms, events.TopicEdges, events.TopicOnline, events.TopicDeadLetters, "__consumer_offsets")
}

// verify is that of the traffic, once the cluster is well. It also fails the test with sends that were given up too soon, and with dead letters.
func (c *clustered) verify(t *testing.T, chat *traffic.Traffic, options traffic.Options) traffic.Report {
	t.Helper()
	c.awaitHealthy(t)
	chat.AwaitAcknowledged(t, 50)
	report := chat.Verify(t, options)
	for _, hasty := range report.Hasty(leastStall) {
		t.Error(hasty)
	}
	if letters := c.deadLetters(t); len(letters) != c.letters {
		t.Errorf("there are %d dead letters, want %d", len(letters), c.letters)
	}
	return report
}

// deadLetters are those that there are, each once: what brokers did not take in time may be there twice.
func (c *clustered) deadLetters(t *testing.T) (letters []deployment.LogRecord) {
	t.Helper()
	type letter struct{ group, topic, partition, offset string }
	known := map[letter]bool{}
	for _, r := range c.cluster.ReadLog(t, events.TopicDeadLetters)[0] {
		of := letter{r.Headers["ism_group"], r.Headers["ism_topic"], r.Headers["ism_partition"], r.Headers["ism_offset"]}
		if !known[of] {
			known[of], letters = true, append(letters, r)
		}
	}
	return letters
}

// awaitWaiting waits until the partitions of ism.rooms that wait in a group are so: for how many seconds, by number.
func (c *clustered) awaitWaiting(t *testing.T, service, group string, are func(map[int32]float64) bool) {
	t.Helper()
	var last string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); traffic.Wait(50 * time.Millisecond) {
		response, err := c.HTTP().Get("http://" + c.Internal[service] + "/metrics")
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<20))
		_ = response.Body.Close()
		waiting := map[int32]float64{}
		for _, metric := range waitingMetric.FindAllStringSubmatch(string(body), -1) {
			partition, _ := strconv.ParseInt(metric[2], 10, 32)
			if seconds, err := strconv.ParseFloat(metric[3], 64); err == nil && metric[1] == group && seconds > 0 {
				waiting[int32(partition)] = seconds
			}
		}
		if are(waiting) {
			return
		}
		last = fmt.Sprint(waiting)
	}
	t.Fatalf("the partitions that wait in %s are %s", group, last)
}

var waitingMetric = regexp.MustCompile(`(?m)^ism_consumer_waiting_seconds\{group="([^"]+)",partition="(\d+)",topic="ism\.rooms"\} (\S+)$`)
