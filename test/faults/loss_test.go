package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// lostEnd is what is known of a log that has lost its end.
type lostEnd struct {
	epochs map[int32]int32 // the last before the loss, by partition
	died   time.Time       // when the broker was dead that alone had what is lost
}

// outcome is what became of messages when a log has lost its end.
type outcome struct {
	faults []string
	lost   int      // messages that the log has lost, and the history has
	gone   []string // texts of those that the log has lost and nobody has: they were acknowledged or delivered
	behind []logged // messages that were acknowledged, are in the log and not in the history
	mixed  int      // messages in histories that stand behind later ones, where rooms share a partition: each has got offsets of the others' lost messages
}

// logged is a message that the log has.
type logged struct {
	traffic.Message
	partition int32
	epoch     int32
}

// compare holds histories and streams to what has been in each room, in this order: what the log had before the loss and still has, what it has
// lost, and what came later. Nothing but what the dead broker had alone may be lost.
func (l lostEnd) compare(report traffic.Report, log []logged) outcome {
	inLog := map[string]logged{}
	var found outcome
	for _, m := range log {
		if _, twice := inLog[m.Text]; twice && report.History[m.Room] != nil {
			found.faults = append(found.faults, fmt.Sprintf("the log has %q twice", m.Text))
		}
		if report.History[m.Room] != nil {
			inLog[m.Text] = m
		}
	}
	inHistory := map[string]bool{}
	been := map[uuid.UUID][]traffic.Message{}
	for room, history := range report.History {
		var began, lost, anew []traffic.Message
		for _, m := range log {
			switch {
			case m.Room != room:
			case m.epoch > l.epochs[m.partition]:
				anew = append(anew, m.Message)
			default:
				began = append(began, m.Message)
			}
		}
		for _, m := range history {
			inHistory[m.Text] = true
			if _, left := inLog[m.Text]; !left {
				lost = append(lost, m)
				found.faults = append(found.faults, l.excuse(report, m.Text)...)
			}
		}
		found.lost += len(lost)
		been[room] = slices.Concat(began, lost, anew)
	}
	found.inspect(report.History, been, inLog)
	nowhere := map[string]bool{}
	for text := range seen(report) {
		if _, left := inLog[text]; !left && !inHistory[text] {
			nowhere[text] = true
			found.faults = append(found.faults, l.excuse(report, text)...)
		}
	}
	for text := range report.Acknowledged {
		if m, left := inLog[text]; left && !inHistory[text] {
			found.behind = append(found.behind, m)
		}
	}
	found.gone = slices.Sorted(maps.Keys(nowhere))
	found.faults = append(found.faults, withoutThose(report, been, nowhere).Faults(traffic.Options{Resync: true})...)
	return found
}

// inspect holds each history to what has been in its room. It may lack what is behind the loss.
func (o *outcome) inspect(histories, been map[uuid.UUID][]traffic.Message, inLog map[string]logged) {
	shared := map[int32]map[uuid.UUID]bool{}
	for _, m := range inLog {
		if shared[m.partition] == nil {
			shared[m.partition] = map[uuid.UUID]bool{}
		}
		shared[m.partition][m.Room] = true
	}
	for room, history := range histories {
		index, last, mixed, partition := map[string]int{}, -1, 0, int32(-1)
		for i, m := range been[room] {
			index[m.Text] = i
			if in, left := inLog[m.Text]; left {
				partition = in.partition
			}
		}
		for _, m := range history {
			if at := index[m.Text]; at < last {
				mixed++
			} else if at == last {
				o.faults = append(o.faults, fmt.Sprintf("the history has %q twice", m.Text))
			}
			last = max(last, index[m.Text])
		}
		if len(shared[partition]) < 2 && mixed > 0 {
			o.faults = append(o.faults, fmt.Sprintf("the history of a room has %d messages behind later ones", mixed))
		}
		o.mixed += mixed
	}
}

// excuse gives the fault of a message that is not in the log: none if the broker that has died may have had it.
func (l lostEnd) excuse(report traffic.Report, text string) []string {
	if report.Sends[text].Begun.Before(l.died) {
		return nil
	}
	return []string{fmt.Sprintf("%q is not in the log, though it was sent when the log had already lost its end", text)}
}

// seen are the texts that were acknowledged or delivered.
func seen(report traffic.Report) map[string]bool {
	texts := map[string]bool{}
	for text := range report.Acknowledged {
		texts[text] = true
	}
	for _, stream := range report.Streams {
		for _, d := range stream {
			if d.Resync == "" {
				texts[d.Message.Text] = true
			}
		}
	}
	return texts
}

// withoutThose is the report with other histories, and without what is nowhere.
func withoutThose(report traffic.Report, histories map[uuid.UUID][]traffic.Message, nowhere map[string]bool) traffic.Report {
	acknowledged, streams := maps.Clone(report.Acknowledged), map[string][]traffic.Delivery{}
	maps.DeleteFunc(acknowledged, func(text string, _ traffic.Message) bool { return nowhere[text] })
	for user, stream := range report.Streams {
		streams[user] = slices.DeleteFunc(slices.Clone(stream), func(d traffic.Delivery) bool { return nowhere[d.Message.Text] })
	}
	report.History, report.Acknowledged, report.Streams = histories, acknowledged, streams
	return report
}

// messagesOf are the messages that a log has, in the order of its partitions.
func messagesOf(t *testing.T, log map[int32][]deployment.LogRecord) []logged {
	t.Helper()
	var all []logged
	for partition, records := range log {
		for _, record := range records {
			event, err := events.Decode(record.Headers, record.Value)
			if err != nil {
				continue // an earlier test has put it there
			}
			posted, ok := event.Data.(events.MessagePosted)
			if !ok {
				continue
			}
			var body wire.TextBody
			if err := json.Unmarshal(posted.Message.Body, &body); err != nil {
				t.Fatal(err)
			}
			all = append(all, logged{
				Message: traffic.Message{Room: posted.RoomID, ID: posted.Message.ID, Text: body.Text}, partition: partition, epoch: record.Epoch,
			})
		}
	}
	return all
}
