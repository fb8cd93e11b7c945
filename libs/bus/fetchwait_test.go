package bus

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
)

// A group with a fetch wait takes what was written one by one together, and loses nothing of it.
func TestGroupWithFetchWaitTakesRecordsTogether(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		const total = 30
		takeOneByOne(t, w, total, func() {})
	})
}

// What a fetch wait saves is fetches. How many records a handler gets at once depends on the machine, too: they are handed on one by
// one as a fetch brings them.
func TestGroupWithFetchWaitFetchesSeldom(t *testing.T) {
	t.Parallel()
	const total = 100
	broker := startBroker(t)
	var fetches atomic.Int64
	broker.cluster.ControlKey(kmsg.Fetch.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		fetches.Add(1)
		broker.cluster.KeepControl()
		return nil, nil, false
	})
	var begun time.Time
	takeOneByOne(t, newWorld(t, broker.addresses()), total, func() { fetches.Store(0); begun = time.Now() })
	// Mostly there are two or three. On a busy machine the group may have emptied the client's queue before the client looks at it, and it
	// fetches at once; without a wait there would be about as many as there are records.
	if fetches.Load() > total/4+int64(time.Since(begun)/testFetchWait) {
		t.Errorf("%d fetches for %d records", fetches.Load(), total)
	}
}

// A fetch may leave out partitions that have records then, and they wait until it ends: so it ends soon.
func TestFetchThatFindsNothingEndsSoon(t *testing.T) {
	t.Parallel()
	const wait = 100 * time.Millisecond
	pass := func(context.Context, []Record) error { return nil }
	for name, c := range map[string]struct {
		start func(w *world, topic string)
		most  time.Duration
	}{
		"a reader": {most: time.Second, start: func(w *world, topic string) {
			run(w.t, w.readerOf(ReaderConfig{Topics: []string{topic}, Handler: pass}))
		}},
		"a reader with a fetch wait": {most: companyFactor * wait, start: func(w *world, topic string) {
			run(w.t, w.readerOf(ReaderConfig{Topics: []string{topic}, Handler: pass, FetchWait: wait}))
		}},
		"a group": {most: 2 * time.Second, start: func(w *world, topic string) {
			run(w.t, w.consumer(ConsumerConfig{Group: w.group(), Topics: []string{topic}, Handler: pass}))
		}},
		"a group with a fetch wait": {most: companyFactor * wait, start: func(w *world, topic string) {
			run(w.t, w.consumer(ConsumerConfig{Group: w.group(), Topics: []string{topic}, Handler: pass, FetchWait: wait}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := startBroker(t)
			waits := make(chan int32, 1)
			broker.cluster.ControlKey(kmsg.Fetch.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
				broker.cluster.KeepControl()
				select {
				case waits <- request.(*kmsg.FetchRequest).MaxWaitMillis:
				default:
				}
				return nil, nil, false
			})
			w := newWorld(t, broker.addresses())
			c.start(w, w.topic(1))
			if got := <-waits; int64(got) > c.most.Milliseconds() {
				t.Errorf("a fetch may wait %d ms, at most %v are right", got, c.most)
			}
		})
	}
}

const testFetchWait = 2 * time.Second

// takeOneByOne writes records, each when that before it has been acknowledged, and has a group with a fetch wait handle them. It says
// when the group works and the writing begins.
func takeOneByOne(t *testing.T, w *world, total int, begins func()) {
	t.Helper()
	topic, producer := w.topic(1), w.producer(ProducerConfig{})
	var handled ledger
	run(t, w.consumer(ConsumerConfig{
		Group: w.group(), Topics: []string{topic}, MaxBatch: total, FetchWait: testFetchWait,
		Handler: func(_ context.Context, records []Record) error {
			handled.add(records...)
			return nil
		},
	}))
	w.write(producer, topic, 0, 1, oneKey)
	servicetest.Await(t, "the group works", func() bool { return handled.distinct() == 1 })
	begins()
	for i := range total {
		w.write(producer, topic, 1+i, 2+i, oneKey) // returns when it is acknowledged
	}
	servicetest.Await(t, "all are handled", func() bool { return handled.distinct() == 1+total })
	expectOrder(t, handled.records(), 1+total)
}
