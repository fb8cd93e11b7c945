package bus

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	// compareInterval is between two requests for the ends of a client's partitions: more than a partition that is resumed may be silent,
	// see groupLongPoll.
	compareInterval = 5 * time.Second
	silentAtLeast   = 2  // comparisons in a row that find a partition silent before its client is replaced
	silentAtMost    = 64 // the same, after replacements that have changed nothing
	unknownFactor   = 3  // how much longer a partition may be silent that has only just been assigned
)

// errStalled ends a client that does not receive what is in the log.
var errStalled = errors.New("the client has stalled")

// progress is how far a client has got with a partition.
type progress struct {
	arrived int64  // offset behind what has arrived; -1 as long as it is not known
	handled int64  // offset of the next record to be handled; -1 as long as it is not known
	signs   uint64 // how often something has come of the partition: records, or that its end is reached
	waits   bool   // records of it wait for the handler, so that it may be paused
}

// watch compares, every few seconds, how far a client has got with the ends that the brokers give. So it knows the lag, and finds out when
// the client has stalled: now and then a client of librdkafka never fetches a partition again after its broker has restarted, and reports
// nothing (https://github.com/confluentinc/librdkafka/issues/5153). What the client knows of the ends stands still with it, so another
// client asks. A watch belongs to the goroutine that polls.
type watch struct {
	bus    *Bus
	group  string
	lag    lag
	stalls *prometheus.CounterVec // by topic

	asked    time.Time
	underWay bool
	asking   sync.WaitGroup
	ends     chan map[topicPartition]int64                        // answers; empty: there was none
	answered func(asked time.Time, ends map[topicPartition]int64) // if set, is called with each answer
	drained  bool                                                 // all that the client had received has been polled, since the last comparison
	seen     map[topicPartition]sighting
	silent   int // comparisons in a row that a partition may be silent
}

// sighting is a partition as the last comparison found it.
type sighting struct {
	signs  uint64
	silent int // comparisons in a row that found it silent although its log goes on
}

func (b *Bus) newWatch(group string, topics []string) *watch {
	stalls := telemetry.Register(b.tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_consumer_stalls_total", Help: "Clients that were replaced because they received nothing of a topic that went on.",
	}, []string{"group", "topic"})).MustCurryWith(prometheus.Labels{"group": group})
	for _, topic := range topics {
		stalls.WithLabelValues(topic)
	}
	return &watch{
		bus: b, group: group, lag: b.newLag(group), stalls: stalls,
		ends: make(chan map[topicPartition]int64, 1), seen: map[topicPartition]sighting{}, silent: silentAtLeast,
	}
}

// look is called with each poll. Now and then it asks for the ends, and does not wait for them. The error is [errStalled].
func (w *watch) look(ctx context.Context, now func() map[topicPartition]progress) error {
	select {
	case ends := <-w.ends:
		w.underWay = false
		if w.answered != nil {
			w.answered(w.asked, ends)
		}
		if w.compare(ctx, ends, now()) {
			return errStalled
		}
	default:
	}
	if w.underWay || time.Since(w.asked) < w.bus.compareEvery {
		return nil
	}
	w.asked = time.Now()
	partitions := slices.Collect(maps.Keys(now()))
	if len(partitions) == 0 {
		return nil
	}
	w.underWay = true
	w.asking.Go(func() {
		ends, _ := w.bus.offsets(ctx, partitions, kafka.LatestOffsetSpec)
		w.ends <- ends
	})
	return nil
}

// compare sets the lag, and reports whether the client has stalled. Where the brokers have not answered it knows nothing and begins
// anew: that is not the client's fault.
func (w *watch) compare(ctx context.Context, ends map[topicPartition]int64, now map[topicPartition]progress) (stalled bool) {
	drained := w.drained
	w.drained = false
	before := w.seen
	w.seen = make(map[topicPartition]sighting, len(now))
	if len(ends) == 0 {
		return false
	}
	calm, topics := true, map[string]bool{}
	for at, p := range now {
		end, known := ends[at]
		if !known {
			continue
		}
		w.lag.set(at, p.handled, end)
		last, had := before[at]
		sight := sighting{signs: p.signs}
		if had && drained && !p.waits && p.signs == last.signs && end > max(p.arrived, 0) {
			sight.silent = last.silent + 1
		}
		w.seen[at] = sight
		calm = calm && had && sight.silent == 0
		if sight.silent >= w.allowed(p) {
			topics[at.topic] = true
			w.bus.tel.Log.WarnContext(ctx, "a client receives nothing of a partition whose log goes on; it is replaced", "group", w.group,
				"topic", at.topic, "partition", at.partition, "arrived", p.arrived, "end", end)
		}
	}
	if calm {
		w.silent = silentAtLeast
	}
	for topic := range topics {
		w.stalls.WithLabelValues(topic).Inc()
	}
	return len(topics) > 0
}

func (w *watch) allowed(p progress) int {
	if p.arrived < 0 {
		return unknownFactor * w.silent
	}
	return w.silent
}

// replaced begins anew with another client. Where that changes nothing, the next is replaced later and later: a broker may be unable to give
// a partition's records to anybody.
func (w *watch) replaced() {
	w.settle()
	clear(w.seen)
	w.asked, w.drained = time.Now(), false
	w.silent = min(2*w.silent, silentAtMost)
}

// settle waits for the request that is under way, and forgets its answer.
func (w *watch) settle() {
	w.asking.Wait()
	select {
	case <-w.ends:
	default:
	}
	w.underWay = false
}

// end waits for what is under way. The lag of the partitions is another process's from now on.
func (w *watch) end(partitions map[topicPartition]progress) {
	w.settle()
	for at := range partitions {
		w.lag.end(at)
	}
}
