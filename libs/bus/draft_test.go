package bus

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Records are made in the order in which the log has them, however many want to be written at once.
func TestDraftsAreComposedInTheOrderOfTheLog(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const writers, each, partitions = 40, 25, 2
		topic := w.topic(partitions)
		appender := w.appender(topic, ample)
		var (
			counter atomic.Int64
			all     sync.WaitGroup
		)
		for writer := range writers {
			all.Go(func() {
				for range each {
					_, err := appender.AppendDraft(t.Context(), Draft{
						Topic: topic, Key: keyOf(int32(writer%partitions), partitions), Headers: map[string]string{"before": "1"}, Size: 20,
						Compose: func() (map[string]string, []byte, error) {
							return map[string]string{"composed": "1"}, fmt.Appendf(nil, "%020d", counter.Add(1)), nil
						},
					})
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		for partition, records := range w.read(topic) {
			if len(records) != writers*each/partitions {
				t.Errorf("partition %d has %d records", partition, len(records))
			}
			last := ""
			for _, record := range records {
				if string(record.Value) <= last {
					t.Fatalf("partition %d has %s behind %s", partition, record.Value, last)
				}
				last = string(record.Value)
			}
		}
	})
}

// A record that cannot be made is its caller's fault: nothing is written, and the partition does not count as failing.
func TestADraftThatCannotBeComposedHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	topic := w.topic(1)
	appender, said := w.appender(topic, scant), newFate()
	broken := errors.New("cannot be encoded")
	for i := range 20 {
		_, err := appender.AppendDraft(t.Context(), Draft{
			Topic: topic, Key: "key", Compose: func() (map[string]string, []byte, error) { return nil, nil, broken },
		})
		if !errors.Is(err, broken) || errors.Is(err, ErrUnavailable) {
			t.Fatalf("%v", err)
		}
		if err := said.append(t, appender, topic, "key", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	said.expect(t, w, topic)
}
