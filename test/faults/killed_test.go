package faults

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// points are where a process of messages is killed.
var points = []string{"before the append", "after the ack", "during the write", "during the answer"} //nolint:gochecknoglobals // a constant list

// kills is how often make faults has a process killed at each point; 0 where that is not asked for.
func kills() int {
	n, _ := strconv.Atoi(os.Getenv("ISM_TEST_LONG_FAULTS"))
	return n
}

// Whatever a send has come to when its process is killed: what was acknowledged is there, what has a name once, what has none once at most.
func TestKilledAtAnyPointOfASend(t *testing.T) {
	if kills() == 0 {
		chat := chatWhileKilled(t, deployment.OneProcessPlanted(t, "killed "+points[0]), points, "ism")
		chat.Verify(t, traffic.Options{Settle: time.Minute})
		return
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			d := deployment.OneProcessPlanted(t, "killed "+point)
			chatWhileKilled(t, d, slices.Repeat([]string{point}, kills()), "ism").Verify(t, traffic.Options{Settle: time.Minute})
		})
	}
}

// The same with two processes of messages, on the real engines: who has no answer tries again at the other one.
func TestTwoAreKilledAtAnyPointOfASend(t *testing.T) {
	if kills() == 0 {
		t.Skip("this is for make faults")
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			d := deployment.FiveProcessesPlanted(t, "killed "+point)
			chatWhileKilled(t, d, slices.Repeat([]string{point}, kills()), "messages", "messages-2").Verify(t, traffic.Options{Settle: time.Minute})
		})
	}
}

// chatWhileKilled has users chat while processes are killed at the points, one after the other, and each is started again. In the end they live.
func chatWhileKilled(t *testing.T, d *deployment.Deployment, at []string, victims ...string) *traffic.Traffic {
	t.Helper()
	chat, begun := traffic.BeginNamed(t, d), time.Now()
	for round := range at {
		victim := victims[round%len(victims)]
		d.AwaitEnd(t, victim)
		next := ""
		if round+len(victims) < len(at) {
			next = "killed " + at[round+len(victims)]
		}
		d.Plant(t, victim, next)
		d.Start(t, victim)
	}
	chat.AwaitEverywhere(t, 10)
	t.Logf("killed %d times in %.0f s", len(at), time.Since(begun).Seconds())
	return chat
}
