package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// An unclean election: one broker alone has acknowledged, dies, and others lead with what they have. So the log has lost its end, and its offsets
// are used again. An edge that reads on when the log is longer again than it was must not take the new records for the old ones, either.
func (c *clustered) logLosesItsEnd(t *testing.T) {
	chat := traffic.Begin(t, c.Deployment)
	last, others := c.leader(t, chat)
	c.cluster.Configure(t, events.TopicRooms, map[string]string{"min.insync.replicas": "1", "unclean.leader.election.enable": "true"})
	c.cluster.Kill(t, others...)
	c.cluster.AwaitPartitions(t, events.TopicRooms, "have one replica", func(p deployment.Partition) bool { return p.Leader == last && len(p.InSync) == 1 })
	chat.AwaitEverywhere(t, 20)
	chat.AwaitDelivered(t) // of what an edge has not read nobody can tell it that it is lost

	thaw := c.Freeze(t, "realtime-2")
	acknowledged := chat.Acknowledged()
	before := c.cluster.ReadLog(t, events.TopicRooms)
	c.cluster.Kill(t, last)
	loss := lostEnd{epochs: epochs(before), died: time.Now()}
	unseen := chat.Acknowledged() - acknowledged + chat.Senders() // in the log at most, behind what was read of it
	c.cluster.Start(t, others...)
	c.cluster.AwaitPartitions(t, events.TopicRooms, "are led by others", func(p deployment.Partition) bool { return slices.Contains(others, p.Leader) })
	c.cluster.Start(t, last)
	c.awaitLonger(t, chat, before, unseen)
	thaw()
	chat.AwaitAcknowledged(t, 50)
	c.awaitHealthy(t)

	var found outcome
	report := chat.Verify(t, traffic.Options{Judge: func(report traffic.Report) []string {
		found = loss.compare(report, messagesOf(t, c.cluster.ReadLog(t, events.TopicRooms)))
		return found.faults
	}})
	t.Logf("the log has lost %d messages that are in the history and %d that are nowhere, %q; %d that it has wait for the timeline, %d are mixed with others",
		found.lost, len(found.gone), found.gone, len(found.behind), found.mixed)
	if found.lost == 0 || len(found.behind) == 0 {
		t.Error("the log has not lost its end")
	}
	for user, stream := range report.Streams {
		if !slices.ContainsFunc(stream, func(d traffic.Delivery) bool { return d.Resync == "log-jumped" }) {
			t.Errorf("%s was not told that the log has jumped", user)
		}
	}
	c.awaitWaiting(t, "messages", "ism.messages.timeline", func(waiting map[int32]float64) bool {
		return !slices.ContainsFunc(found.behind, func(m logged) bool { return waiting[m.partition] == 0 })
	})
	if !strings.Contains(c.Log(t, "messages"), "has lost records") {
		t.Error("messages does not say that the log has lost records")
	}
	if letters := c.deadLetters(t); len(letters) != c.letters {
		t.Errorf("there are %d dead letters, want %d", len(letters), c.letters)
	}
}

// awaitLonger waits until all partitions that users write to have more records than they had, by more than so many.
func (c *clustered) awaitLonger(t *testing.T, chat *traffic.Traffic, before map[int32][]deployment.LogRecord, more int) {
	t.Helper()
	used := map[int32]bool{}
	for _, m := range messagesOf(t, before) {
		used[m.partition] = used[m.partition] || slices.Contains(chat.Rooms(), m.Room)
	}
	for end := time.Now().Add(3 * time.Minute); ; traffic.Wait(200 * time.Millisecond) {
		now, short := c.cluster.ReadLog(t, events.TopicRooms), ""
		for partition, records := range before {
			if used[partition] && len(now[partition]) <= len(records)+more {
				short = fmt.Sprintf("partition %d had %d records and has %d", partition, len(records), len(now[partition]))
			}
		}
		if short == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(short)
		}
	}
}

// epochs are those in which the newest records of partitions were taken.
func epochs(log map[int32][]deployment.LogRecord) map[int32]int32 {
	newest := map[int32]int32{}
	for partition, records := range log {
		for _, record := range records {
			newest[partition] = max(newest[partition], record.Epoch)
		}
	}
	return newest
}
