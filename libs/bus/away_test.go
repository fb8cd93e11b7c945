package bus

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/servicetest"
)

// vacate stops the broker and keeps its port from others, so that connections to it are refused until it comes back.
func (b *broker) vacate() (comeBack func()) {
	b.t.Helper()
	b.stop()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	free := sync.OnceFunc(func() { _ = syscall.Close(socket) })
	b.t.Cleanup(free)
	servicetest.AwaitSuccess(b.t, "the broker's port is free", func() error {
		_ = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
		return syscall.Bind(socket, &syscall.SockaddrInet4{Port: b.port, Addr: [4]byte{127, 0, 0, 1}})
	})
	return func() {
		free()
		b.start()
	}
}

// tried is how many connections a client has tried, as of its last statistics.
func (w *world) tried(client string) float64 {
	return w.counter("ism_kafka_connections_total", prometheus.Labels{"client": client})
}

// While the brokers are away their clients connect now and then only, whatever waits, and no request outlives its deadline: a machine of few cores
// needs these for the broker that starts.
func TestClientsConnectSeldomWhileTheBrokersAreAway(t *testing.T) {
	t.Parallel()
	const awayFor, mostEachSecond = queryTimeout, 8.0
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	w.statisticsEvery, w.compareEvery = 200*time.Millisecond, time.Second
	topic, group := w.topic(2), w.group()
	var handled ledger
	run(t, w.consumer(ConsumerConfig{Group: group, Topics: []string{topic}, Handler: func(_ context.Context, records []Record) error {
		handled.add(records...)
		return nil
	}}))
	read, _ := w.follow(topic, time.UnixMilli(1))
	producer := w.producer(ProducerConfig{})
	w.write(producer, topic, 0, 1, oneKey)
	servicetest.Await(t, "both read", allHave([]*ledger{&handled, read}, 1))
	comeBack := broker.vacate()
	before := map[string]float64{}
	for _, client := range []string{"(admin)", group, readerGroup, "(producer)"} {
		before[client] = w.tried(client)
	}
	took := w.askAll(topic, awayFor)
	if late := took - awayFor; late > queryTimeout-time.Second { // a request that has a deadline of its own alone would end later
		t.Errorf("a request ended %s after its deadline", late)
	}
	for client, before := range before {
		each := (w.tried(client) - before) / took.Seconds()
		if each == 0 || each > mostEachSecond {
			t.Errorf("%s has tried %.1f connections a second, want some and at most %v", client, each, mostEachSecond)
		}
		t.Logf("%s: %.1f connections a second", client, each)
	}
	comeBack()
	begun := time.Now()
	w.write(producer, topic, 1, 2, oneKey)
	servicetest.Await(t, "both read on", allHave([]*ledger{&handled, read}, 2))
	t.Logf("all is read %s after the broker has come back", time.Since(begun))
}

// askAll asks the brokers for all sorts of things, again and again for so long, and gives how long it took until none was under way.
func (w *world) askAll(topic string, limit time.Duration) time.Duration {
	w.t.Helper()
	ctx, begun := within(w.t, limit), time.Now()
	var asking sync.WaitGroup
	for name, ask := range map[string]func() error{
		"offsets":      func() error { _, err := w.offsets(ctx, allPartitions(topic, 2), kafka.LatestOffsetSpec); return err },
		"incarnations": func() error { _, err := w.Incarnations(ctx, topic); return err },
		"rights":       func() error { _, err := w.Lacks(ctx, Right{"Read", "topic", topic}); return err },
		"metadata":     func() error { return w.Ready(ctx) },
		"group":        func() error { _, err := w.InspectGroup(ctx, w.group(), topic); return err },
	} {
		asking.Go(func() {
			for ctx.Err() == nil {
				if ask() == nil {
					w.t.Errorf("%s: answered without a broker", name)
				}
			}
		})
	}
	asking.Wait()
	return time.Since(begun)
}
