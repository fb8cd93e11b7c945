package bus

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// timeout bounds every wait for a broker.
const timeout = time.Minute

// world is a broker and a bus that uses it.
type world struct {
	*Bus
	t     *testing.T
	spans *tracetest.SpanRecorder
	log   *servicetest.Log
}

// onBothBrokers runs a test on the broker of the one-process deployment and on Kafka.
func onBothBrokers(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel() // a test that is not waits for those within before the next one begins
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, startBroker(t).addresses()))
	})
	t.Run("kafka", func(t *testing.T) { onKafka(t, test) })
}

func onKafka(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	test(t, newWorld(t, enginetest.KafkaBrokers(t)))
}

func newWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := &world{t: t, spans: tracetest.NewSpanRecorder(), log: &servicetest.Log{}}
	tel := telemetry.Discard(slog.New(slog.NewTextHandler(w.log, nil)))
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	tel.Tracer = provider
	w.Bus = New(Config{Brokers: brokers, ClientID: "ism-test", Replication: 1}, tel)
	t.Cleanup(w.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

// broker is an embedded broker that can be ended and started again, on the same port with the same data.
type broker struct {
	t       *testing.T
	dir     string
	cluster *kfake.Cluster
	port    int
}

func startBroker(t *testing.T, more ...kfake.Opt) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir()}
	b.start(more...)
	t.Cleanup(b.close)
	return b
}

func (b *broker) start(more ...kfake.Opt) {
	b.t.Helper()
	options := append([]kfake.Opt{kfake.NumBrokers(1), kfake.DataDir(b.dir), kfake.SyncWrites()}, more...)
	if b.port != 0 {
		options = append(options, kfake.Ports(b.port))
	}
	servicetest.AwaitSuccess(b.t, "the embedded broker starts", func() (err error) { // while it was away its port may have been another's
		b.cluster, err = kfake.NewCluster(options...)
		return err
	})
	cluster := b.cluster
	_, port, err := net.SplitHostPort(cluster.ListenAddrs()[0])
	if err != nil {
		b.t.Fatal(err)
	}
	b.port, _ = strconv.Atoi(port)
}

// stop ends the broker until it is started again, at the latest when the test has ended: without a broker its clients may never close, see closeWithin.
func (b *broker) stop() {
	b.t.Helper()
	b.close()
	b.t.Cleanup(func() {
		if b.cluster == nil {
			b.start()
		}
	})
}

func (b *broker) close() {
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
}

func (b *broker) addresses() []string { return []string{"127.0.0.1:" + strconv.Itoa(b.port)} }

// topic makes a topic that no other test has.
func (w *world) topic(partitions int) string {
	w.t.Helper()
	ctx := within(w.t, timeout)
	name := "ism.test." + uuid.NewString()
	servicetest.AwaitSuccess(w.t, "the topic is made", func() error { // for which a busy broker may need longer than one call has
		return w.create(ctx, []kafka.TopicSpecification{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}})
	})
	servicetest.Await(w.t, "the topic is known, and its partitions have leaders", func() bool {
		count, err := w.Partitions(ctx, name)
		if err == nil {
			_, err = w.offsets(ctx, allPartitions(name, int32(partitions)), kafka.LatestOffsetSpec)
		}
		return err == nil && int(count) == partitions
	})
	return name
}

func (w *world) producer(cfg ProducerConfig) *Producer {
	w.t.Helper()
	cfg.DeliveryTimeout = cmp.Or(cfg.DeliveryTimeout, timeout)
	p, err := w.NewProducer(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// write writes records with the values from to to-1, each with the key that keyOf gives.
func (w *world) write(p *Producer, topic string, from, to int, keyOf func(int) string) []Receipt {
	w.t.Helper()
	var records []Record
	for i := from; i < to; i++ {
		records = append(records, Record{Topic: topic, Key: keyOf(i), Value: []byte(strconv.Itoa(i)), Partition: PartitionAny})
	}
	receipts, err := p.ProduceAll(within(w.t, timeout), records)
	if err != nil {
		w.t.Fatal(err)
	}
	return receipts
}

func (w *world) readerOf(cfg ReaderConfig) *Reader {
	w.t.Helper()
	r, err := w.NewReader(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// read gives all records that a topic holds, by partition.
func (w *world) read(topic string) map[int32][]Record {
	w.t.Helper()
	ctx, cancel := context.WithCancel(within(w.t, timeout))
	defer cancel()
	got := map[int32][]Record{}
	caughtUp := false
	reader := w.readerOf(ReaderConfig{
		Topics: []string{topic}, Since: time.UnixMilli(1), MaxBatch: 1000,
		Handler: func(_ context.Context, records []Record) error {
			got[records[0].Partition] = append(got[records[0].Partition], records...)
			return nil
		},
		CaughtUp: func() { caughtUp = true; cancel() },
	})
	if err := reader.Run(ctx); err != nil {
		w.t.Fatal(err)
	}
	awaitClosed(w.t, reader)
	if !caughtUp {
		w.t.Fatalf("%s has not been read within %s", topic, timeout)
	}
	return got
}

// running is a consumer or a reader that runs.
type running struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func run(t *testing.T, r interface {
	Run(ctx context.Context) error
},
) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started := &running{t: t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(started.done)
		started.err = r.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-started.done
		awaitClosed(t, r)
	})
	return started
}

// awaitClosed waits until the clients of a consumer or a reader are closed, also those that it has not waited for. The broker must be there: see
// [broker.stop].
func awaitClosed(t *testing.T, of any) {
	t.Helper()
	var leaving *sync.WaitGroup
	switch of := of.(type) {
	case *Consumer:
		leaving = &of.leaving
	case *Reader:
		leaving = &of.leaving
	default:
		return
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		leaving.Wait()
	}()
	select {
	case <-closed:
	case <-time.After(timeout):
		t.Errorf("a client is not closed %s after its end", timeout)
	}
}

// stop ends it and waits.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	receive(r.t, "the end of Run", r.done)
	if r.err != nil {
		r.t.Fatal(r.err)
	}
}

func (w *world) consumer(cfg ConsumerConfig) *Consumer {
	w.t.Helper()
	c, err := w.NewConsumer(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// ledger notes what has been handled.
type ledger struct {
	mu   sync.Mutex
	list []Record
}

func (l *ledger) add(records ...Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, records...)
}

func (l *ledger) records() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Record(nil), l.list...)
}

// values are the values of what has been handled, in that order.
func (l *ledger) values() []int {
	var values []int
	for _, record := range l.records() {
		values = append(values, valueOf(record))
	}
	return values
}

// distinct is the number of different records.
func (l *ledger) distinct() int {
	seen := map[string]bool{}
	for _, record := range l.records() {
		seen[fmt.Sprint(record.Topic, record.Partition, record.Offset)] = true
	}
	return len(seen)
}

func valueOf(record Record) int {
	value, err := strconv.Atoi(string(record.Value))
	if err != nil {
		panic(err)
	}
	return value
}

// within gives a context that ends with the test or after the time.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(timeout):
		t.Fatalf("waited %s for %s", timeout, what)
		panic("unreachable")
	}
}

func oneKey(int) string { return "key" }

func (w *world) group() string { return "ism.test." + strings.ReplaceAll(uuid.NewString(), "-", "") }
