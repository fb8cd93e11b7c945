package bus

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/servicetest"
)

// requested is how many requests of an API have been sent, as of the clients' last statistics. Without an API it is all of them.
func (w *world) requested(api string) float64 {
	labels := prometheus.Labels{}
	if api != "" {
		labels["api"] = api
	}
	return w.counter("ism_kafka_requests_total", labels)
}

// company starts what the services have of a topic: two groups and a reader that nobody waits for, and a reader that somebody waits for.
func (w *world) company(topic string) (ledgers []*ledger, stop func()) {
	w.t.Helper()
	const wait = 200 * time.Millisecond
	note := func() Handler {
		l := &ledger{}
		ledgers = append(ledgers, l)
		return func(_ context.Context, records []Record) error { l.add(records...); return nil }
	}
	var all []*running
	for range 2 {
		all = append(all, run(w.t, w.consumer(ConsumerConfig{Group: w.group(), Topics: []string{topic}, MaxBatch: 100, FetchWait: wait, Handler: note()})))
	}
	for _, cfg := range []ReaderConfig{{FetchWait: wait}, {}} {
		cfg.Topics, cfg.Since, cfg.MaxBatch, cfg.Handler = []string{topic}, time.UnixMilli(1), 100, note()
		all = append(all, run(w.t, w.readerOf(cfg)))
	}
	return ledgers, func() {
		for _, r := range all {
			r.stop()
		}
	}
}

func allHave(ledgers []*ledger, n int) func() bool {
	return func() bool {
		for _, l := range ledgers {
			if l.distinct() < n {
				return false
			}
		}
		return true
	}
}

// What requests to the brokers may cost: for each of a hundred records a second, and at rest.
func TestRequestsAreFew(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 12} {
		t.Run(fmt.Sprint(partitions, " partitions"), func(t *testing.T) {
			onBothBrokers(t, func(t *testing.T, w *world) {
				w.statisticsEvery = 500 * time.Millisecond
				topic := w.topic(partitions)
				ledgers, stop := w.company(topic)
				producer := w.producer(ProducerConfig{})
				w.write(producer, topic, 0, 1, oneKey)
				servicetest.Await(t, "all work", allHave(ledgers, 1))
				w.expectFewRequests(topic, producer, ledgers)
				stop()
			})
		})
	}
}

func (w *world) expectFewRequests(topic string, producer *Producer, ledgers []*ledger) {
	w.t.Helper()
	const rate, total, rest = 100, 500, 10 * time.Second
	begun := time.Now()
	produced, fetched := w.requested("Produce"), w.requested("Fetch")
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	acknowledged := make(chan error, total)
	for i := range total {
		<-tick.C
		go func() {
			record := Record{Topic: topic, Key: strconv.Itoa(i), Value: make([]byte, 400), Partition: PartitionAny}
			_, err := producer.Produce(within(w.t, timeout), record)
			acknowledged <- err
		}()
	}
	for range total {
		if err := receive(w.t, "an acknowledgement", acknowledged); err != nil {
			w.t.Fatal(err)
		}
	}
	servicetest.Await(w.t, "all is read", allHave(ledgers, 1+total))
	told := time.NewTimer(2 * w.statisticsEvery)
	<-told.C
	produces, fetches := (w.requested("Produce")-produced)/total, (w.requested("Fetch")-fetched)/total
	// One fetch is the reader's that somebody waits for. The others have a fetch for each wait: 15 a second, and a machine that is busy takes longer.
	if most := 1.1 + max(0.4, 20*time.Since(begun).Seconds()/total); produces < 0.1 || produces > 1.1 || fetches < 0.1 || fetches > most {
		w.t.Errorf("%.2f produce and %.2f fetch requests for each record", produces, fetches)
	}
	before := w.requested("")
	rested := time.NewTimer(rest)
	<-rested.C
	each := (w.requested("") - before) / rest.Seconds()
	if each < 0.5 || each > 7 {
		w.t.Errorf("%.1f requests a second at rest", each)
	}
	w.t.Logf("%.2f produce and %.2f fetch requests for each record, %.1f requests a second at rest", produces, fetches, each)
}
