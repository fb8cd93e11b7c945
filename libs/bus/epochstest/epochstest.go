// Package epochstest holds the stores of all services to the contract of [bus.Epochs].
package epochstest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
)

// newTopic is the name of a topic that no other test has.
func newTopic() string { return "ism.test." + uuid.NewString() }

func incarnation(topic string, partitions int32) bus.Incarnation {
	return bus.Incarnation{Topic: topic, ID: uuid.New(), Partitions: partitions}
}

func recordLog(t *testing.T, s bus.Epochs, found bus.Incarnation, least int32) bus.RecordedLog {
	t.Helper()
	log, err := s.RecordLog(t.Context(), found, least)
	if err != nil {
		t.Fatalf("record %v: %v", found, err)
	}
	return log
}

func wantLogs(t *testing.T, s bus.Epochs, topic string, want ...bus.RecordedLog) {
	t.Helper()
	logs, err := s.RecordedLogs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	byEpoch := func(a, b bus.RecordedLog) int { return cmp.Compare(a.Epoch, b.Epoch) }
	slices.SortFunc(logs, byEpoch)
	if !slices.Equal(logs, want) {
		t.Errorf("recorded are %v, want %v", logs, want)
	}
}

// LogKeepsItsEpoch has incarnations of a topic recorded, one after the other.
func LogKeepsItsEpoch(t *testing.T, s bus.Epochs) {
	topic := newTopic()
	wantLogs(t, s, topic)
	first, second, third := incarnation(topic, 4), incarnation(topic, 2), incarnation(topic, 4)
	want := []bus.RecordedLog{{Incarnation: first, Epoch: 2}, {Incarnation: second, Epoch: 3}, {Incarnation: third, Epoch: 7}}
	expect := func(what string, got, want bus.RecordedLog) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	expect("the first has the least", recordLog(t, s, first, 2), want[0])
	expect("the next is behind it", recordLog(t, s, second, 0), want[1])
	expect("the next has no less than the least", recordLog(t, s, third, 7), want[2])
	expect("one that is known keeps its own", recordLog(t, s, first, 9), want[0])
	grown := second
	grown.Partitions = 12
	expect("and the partitions that it had", recordLog(t, s, grown, 0), want[1])
	wantLogs(t, s, topic, want...)

	other := incarnation(newTopic(), 1)
	expect("another topic begins by itself", recordLog(t, s, other, 0), bus.RecordedLog{Incarnation: other})
	wantLogs(t, s, topic, want...)
}

// ParallelEpochs has several processes record the same few incarnations at once, configured with different least epochs.
func ParallelEpochs(t *testing.T, s bus.Epochs) {
	const each = 10
	topic := newTopic()
	found := []bus.Incarnation{incarnation(topic, 1), incarnation(topic, 2), incarnation(topic, 3), incarnation(topic, 4)}
	got := make([]bus.RecordedLog, each*len(found))
	faults := make([]error, len(got))
	var running sync.WaitGroup
	for i := range got {
		running.Go(func() {
			for range 100 { // while the store is overrun, as a service does
				if got[i], faults[i] = s.RecordLog(t.Context(), found[i%len(found)], int32(i%3)); faults[i] == nil {
					return
				}
			}
		})
	}
	running.Wait()
	byEpoch := map[int32]uuid.UUID{}
	for i, log := range got {
		switch other, taken := byEpoch[log.Epoch]; {
		case faults[i] != nil:
			t.Fatal(faults[i])
		case log.Incarnation != found[i%len(found)]:
			t.Errorf("recorded is %v of %v", log, found[i%len(found)])
		case taken && other != log.ID:
			t.Errorf("epoch %d is of %s and of %s", log.Epoch, other, log.ID)
		case log != got[i%len(found)]:
			t.Errorf("an incarnation has %v and %v", log, got[i%len(found)])
		}
		byEpoch[log.Epoch] = log.ID
	}
	if len(byEpoch) != len(found) {
		t.Errorf("there are the epochs %s", fmt.Sprint(byEpoch))
	}
}
