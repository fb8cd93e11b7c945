package bus

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
)

// asOf is the newest time that a reader has told, and how often it has told one.
type asOf struct {
	newest atomic.Pointer[time.Time]
	told   atomic.Int32
}

func (a *asOf) is(t *testing.T) func(at time.Time) {
	return func(at time.Time) {
		before := a.newest.Swap(&at)
		if before != nil && !at.After(*before) || at.After(time.Now()) {
			t.Errorf("%s is told after %s", at, before)
		}
		a.told.Add(1)
	}
}

func (a *asOf) behind(at time.Time) func() bool {
	return func() bool { newest := a.newest.Load(); return newest != nil && newest.After(at) }
}

// A reader tells as of when it has handled all, also at rest, where nothing comes.
func TestAReaderTellsAsOfWhenItHasHandledAll(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		w.compareEvery = 20 * time.Millisecond
		topic := w.topic(3)
		var told asOf
		run(t, w.readerOf(ReaderConfig{
			Topics: []string{topic}, HandledAsOf: told.is(t), Handler: func(context.Context, []Record) error { return errors.New("passed over") },
		}))
		servicetest.Await(t, "times are told", func() bool { return told.told.Load() > 1 })
		w.write(w.producer(ProducerConfig{}), topic, 0, 20, oneKey)
		servicetest.Await(t, "and after records", told.behind(time.Now()))
	})
}

// While records are in the log that have not come, no time is told from after they were written.
func TestAReaderThatIsBehindTellsNothingNewer(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	w := newWorld(t, b.addresses())
	w.compareEvery = 20 * time.Millisecond
	topic := w.topic(3)
	var (
		told                 asOf
		handled, held, asked atomic.Int32
		holding              atomic.Bool
	)
	b.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if !holding.Load() {
			return nil, nil, false
		}
		held.Add(1)
		return nil, errors.New("held"), true // the client comes again
	})
	b.cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	run(t, w.readerOf(ReaderConfig{
		Topics: []string{topic}, HandledAsOf: told.is(t),
		Handler: func(_ context.Context, records []Record) error { handled.Add(int32(len(records))); return nil },
	}))
	servicetest.Await(t, "times are told", func() bool { return told.told.Load() > 0 })
	holding.Store(true)
	servicetest.Await(t, "nothing is fetched", func() bool { return held.Load() > 1 })
	w.write(w.producer(ProducerConfig{}), topic, 0, 1, oneKey)
	written, before := time.Now(), asked.Load()
	servicetest.Await(t, "the ends are asked for", func() bool { return asked.Load() > before+2 })
	if handled.Load() > 0 {
		t.Fatal("the record was not held back")
	}
	if told.behind(written)() {
		t.Error("a time is told from after a record was written that has not been handled")
	}
	holding.Store(false)
	servicetest.Await(t, "the reader comes to it", told.behind(written))
	if handled.Load() != 1 {
		t.Errorf("%d records have been handled", handled.Load())
	}
}

func TestAHorizonIsReachedOnce(t *testing.T) {
	var told []time.Time
	first, second := topicPartition{"a", 0}, topicPartition{"a", 1}
	r := &Reader{cfg: ReaderConfig{HandledAsOf: func(at time.Time) { told = append(told, at) }}, next: map[topicPartition]int64{first: 5, second: 7}}
	moves := func(at topicPartition, next int64) {
		r.next[at] = next
		r.reached(at)
	}
	minute := func(n int) time.Time { return time.Unix(int64(60*n), 0) }
	expect := func(what string, want ...time.Time) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %v, want %v", what, told, want)
		}
	}
	moves(first, 6)
	expect("before the brokers have said anything")
	r.sighted(minute(1), map[topicPartition]int64{first: 6})
	r.sighted(minute(1), nil)
	expect("a partition is missing in the answer")
	r.sighted(minute(2), map[topicPartition]int64{first: 6, second: 7})
	expect("at the end already", minute(2))
	moves(first, 7)
	expect("more has come", minute(2))
	r.sighted(minute(3), map[topicPartition]int64{first: 9, second: 8})
	moves(first, 9)
	r.sighted(minute(4), map[topicPartition]int64{second: 8})
	moves(second, 7)
	expect("one of two", minute(2))
	moves(second, 8)
	moves(first, 10)
	expect("both", minute(2), minute(3))
	r.sighted(minute(5), map[topicPartition]int64{first: 11, second: 8})
	r.sighted(minute(6), map[topicPartition]int64{first: 12, second: 8})
	moves(first, 11)
	expect("the one before", minute(2), minute(3))
	moves(first, 20)
	expect("past the newest", minute(2), minute(3), minute(6))
}
