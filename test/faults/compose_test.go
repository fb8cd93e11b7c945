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
	chat := traffic.Begin(t, stack.Deployment)
	for _, hangs := range []time.Duration{time.Second, 2 * time.Second} {
		traffic.Wait(calm)
		stack.Pause(t, "kafka", hangs)
	}
	chat.AwaitAcknowledged(t, 50)
	if report := chat.Verify(t, traffic.Options{}); len(report.Refused)+len(report.Unknown) > 0 {
		t.Error("sends failed")
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
