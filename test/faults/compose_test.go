//go:build compose

package faults

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// A broker that hangs for up to three seconds costs nobody more than time: no send is refused, and none is unknown.
func TestComposeKafkaHangsForAMoment(t *testing.T) {
	stack := deployment.Compose(t)
	const attempts = 3 // to have it hang for as long as that, and no longer
	for attempt := 1; ; attempt++ {
		chat := traffic.Begin(t, stack.Deployment)
		momentary := true
		for _, hangs := range []time.Duration{time.Second, 2 * time.Second} {
			traffic.Wait(calm)
			momentary = stack.Pause(t, "kafka", hangs) && momentary
		}
		chat.AwaitAcknowledged(t, 50)
		report := chat.Verify(t, traffic.Options{})
		if len(report.Refused)+len(report.Unknown) == 0 {
			return
		}
		if momentary || attempt == attempts {
			t.Fatal("sends failed")
		}
	}
}

// One that hangs for longer refuses what it has not got, and loses nothing.
func TestComposeEnginesHang(t *testing.T) {
	stack := deployment.Compose(t)
	hang := func(engine string, hangs time.Duration) {
		t.Run(fmt.Sprintf("%s for %s", engine, hangs), func(t *testing.T) {
			chat := traffic.Begin(t, stack.Deployment)
			traffic.Wait(calm)
			stack.Pause(t, engine, hangs)
			chat.AwaitAcknowledged(t, 50)
			chat.Verify(t, traffic.Options{})
		})
	}
	hang("kafka", 6*time.Second)
	hang("scylla", 5*time.Second)
	hang("postgres", 5*time.Second)
	if seconds, err := strconv.Atoi(os.Getenv("ISM_TEST_LONG_FAULTS")); err == nil { // make faults
		for _, engine := range []string{"kafka", "scylla", "postgres"} {
			hang(engine, time.Duration(seconds)*time.Second)
		}
	}
}

// The rooms' log is made anew, as an operator does it: history goes on behind what was there, in a new epoch that nobody configures, and streams
// are told.
func TestComposeTopicIsMadeAnew(t *testing.T) {
	stack := deployment.Compose(t)
	chat := traffic.Begin(t, stack.Deployment)
	chat.AwaitAcknowledged(t, 100)
	services := []string{"messages", "rooms", "realtime"}
	for _, service := range services {
		stack.Stop(t, service)
	}
	stack.Run(t, "exec", "-T", "kafka", "/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", "localhost:9092", "--delete", "--topic", "ism.rooms")
	for _, service := range services {
		stack.Restart(t, service)
	}
	chat.AwaitAcknowledged(t, 100)
	report := chat.Verify(t, traffic.Options{Resync: true})
	for user := range report.Streams {
		if report.Resyncs(user) == 0 {
			t.Errorf("%s was told nothing", user)
		}
	}
	chat.AwaitPreviews(t, report)
}

// While Postgres takes no writes, sends go on, lists of rooms wait, and nothing is given up: afterwards they show the newest message.
func TestComposePostgresIsReadOnly(t *testing.T) {
	stack := deployment.Compose(t)
	chat := traffic.Begin(t, stack.Deployment)
	traffic.Wait(calm)
	stack.ReadOnly(t, true)
	t.Cleanup(func() { stack.ReadOnly(t, false) })
	traffic.Wait(4 * calm)
	stack.ReadOnly(t, false)
	chat.AwaitAcknowledged(t, 50)
	report := chat.Verify(t, traffic.Options{})
	if len(report.Refused)+len(report.Unknown) > 0 {
		t.Error("sends failed")
	}
	chat.AwaitPreviews(t, report)
}
