package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

type switchable struct{ err error }

func (s *switchable) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return s.err }
func (s *switchable) Shutdown(context.Context) error                             { return s.err }

func expectMetrics(t *testing.T, tel *Telemetry, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(tel.Metrics, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestStoreMetrics(t *testing.T) {
	notFound := errors.New("no such room")
	tel := Discard(nil)
	do := func(metrics *StoreMetrics, result error) (err error) {
		defer metrics.Observe("get_room")(&err)
		return result
	}
	for _, result := range []error{
		nil, nil, fmt.Errorf("wrapped: %w", notFound), context.Canceled, fmt.Errorf("query: %w", context.DeadlineExceeded), errors.New("disk full"),
	} {
		if err := do(tel.Store("rooms", notFound), result); !errors.Is(err, result) {
			t.Error(err)
		}
	}
	tel.Store("messages").Observe("append") // and never ends
	expectMetrics(t, tel, `
# HELP ism_store_in_flight Number of store operations under way.
# TYPE ism_store_in_flight gauge
ism_store_in_flight{operation="append",store="messages"} 1
ism_store_in_flight{operation="get_room",store="rooms"} 0
# HELP ism_store_operations_total Number of store operations, by outcome: ok, refused, canceled, timeout or error.
# TYPE ism_store_operations_total counter
ism_store_operations_total{operation="append",outcome="error",store="messages"} 0
ism_store_operations_total{operation="append",outcome="ok",store="messages"} 0
ism_store_operations_total{operation="get_room",outcome="canceled",store="rooms"} 1
ism_store_operations_total{operation="get_room",outcome="error",store="rooms"} 1
ism_store_operations_total{operation="get_room",outcome="ok",store="rooms"} 2
ism_store_operations_total{operation="get_room",outcome="refused",store="rooms"} 1
ism_store_operations_total{operation="get_room",outcome="timeout",store="rooms"} 1
`, "ism_store_in_flight", "ism_store_operations_total")
	if n := testutil.CollectAndCount(tel.Store("rooms").operations.duration); n != 2 {
		t.Errorf("%d histograms", n)
	}
}

func TestTopicMetrics(t *testing.T) {
	tel := Discard(nil)
	tel.Produced("ism.rooms").Observe(3*time.Millisecond, OutcomeOK)
	tel.Consumed("ism.rooms", "ism.rooms.previews").Begin()(OutcomeError)
	expectMetrics(t, tel, `
# HELP ism_consume_operations_total Number of batches of records handled, by outcome: ok, refused, canceled, timeout or error.
# TYPE ism_consume_operations_total counter
ism_consume_operations_total{group="ism.rooms.previews",outcome="error",topic="ism.rooms"} 1
ism_consume_operations_total{group="ism.rooms.previews",outcome="ok",topic="ism.rooms"} 0
# HELP ism_produce_duration_seconds Latency of records written.
# TYPE ism_produce_duration_seconds histogram
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.0005"} 0
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.001"} 0
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.0025"} 0
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.005"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.01"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.025"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.05"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.1"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.25"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="0.5"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="1"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="2.5"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="5"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="10"} 1
ism_produce_duration_seconds_bucket{topic="ism.rooms",le="+Inf"} 1
ism_produce_duration_seconds_sum{topic="ism.rooms"} 0.003
ism_produce_duration_seconds_count{topic="ism.rooms"} 1
`, "ism_consume_operations_total", "ism_produce_duration_seconds")
}

func TestRouteMetricsCopyTheirLabels(t *testing.T) {
	tel := Discard(nil)
	buffer := []byte("GET")
	tel.Routes("public").Begin()(unsafe.String(&buffer[0], len(buffer)), "/api/rooms/:room_id", 404)
	copy(buffer, "XYZ") // as a server does for its next request
	tel.Routes("public").Begin()
	tel.Routes("internal").Begin()("POST", "/x", 500)
	expectMetrics(t, tel, `
# HELP ism_http_requests_in_flight Number of HTTP requests under way.
# TYPE ism_http_requests_in_flight gauge
ism_http_requests_in_flight{listener="internal"} 0
ism_http_requests_in_flight{listener="public"} 1
# HELP ism_http_requests_total Number of HTTP requests, by status.
# TYPE ism_http_requests_total counter
ism_http_requests_total{listener="internal",method="POST",route="/x",status="500"} 1
ism_http_requests_total{listener="public",method="GET",route="/api/rooms/:room_id",status="404"} 1
`, "ism_http_requests_in_flight", "ism_http_requests_total")
}

func TestSaturation(t *testing.T) {
	tel := Discard(nil)
	fixed := func(used, limit float64) func() (float64, float64) {
		return func() (float64, float64) { return used, limit }
	}
	endFirst := tel.Saturation("store_connections", "rooms", fixed(1, 10))
	tel.Saturation("store_connections", "rooms", fixed(2, 10)) // the pool was opened anew
	endFirst()
	endQueue := tel.Saturation("queue", "relay", fixed(5, 5))
	endQueue()
	tel.Saturation("queue", "edge", fixed(3, 4))
	expectMetrics(t, tel, `
# HELP ism_saturation_limit How much of it there is.
# TYPE ism_saturation_limit gauge
ism_saturation_limit{name="edge",resource="queue"} 4
ism_saturation_limit{name="rooms",resource="store_connections"} 10
# HELP ism_saturation_used How much of something bounded is in use.
# TYPE ism_saturation_used gauge
ism_saturation_used{name="edge",resource="queue"} 3
ism_saturation_used{name="rooms",resource="store_connections"} 2
`, "ism_saturation_limit", "ism_saturation_used")
}

func TestRegisterPanicsOnAnotherMetricOfTheName(t *testing.T) {
	registry := prometheus.NewRegistry()
	Register(registry, prometheus.NewCounter(prometheus.CounterOpts{Name: "x", Help: "x"}))
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{Name: "x", Help: "x"}))
}

func TestMetricsAreSafeInParallel(t *testing.T) {
	tel := Discard(nil)
	store := tel.Store("rooms")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for range 50 {
				var err error
				store.Observe(fmt.Sprintf("operation_%d", i%3))(&err)
				tel.Routes("public").Begin()("GET", "/", 200)
				end := tel.Saturation("queue", "q", func() (float64, float64) { return 0, 0 })
				if _, err := tel.Metrics.Gather(); err != nil {
					t.Error(err)
				}
				end()
			}
		})
	}
	all.Wait()
	if got := testutil.ToFloat64(store.operations.outcomes.WithLabelValues("rooms", "operation_0", OutcomeOK)); got != 350 {
		t.Errorf("%v operations", got)
	}
}

func TestNewRegistersGoProcessAndBuild(t *testing.T) {
	tel, j := start(t, Config{})
	families, err := tel.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	for _, want := range []string{"go_goroutines", "process_resident_memory_bytes", "ism_build_info"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not in %v", want, names)
		}
	}
	tel.Log.Info("hello")
	if got := j.Records(t)[0]["service"]; got != "rooms" {
		t.Errorf("service %v", got)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(tel.Metrics); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestALinkersVersionAndRevisionCount(t *testing.T) {
	version, revision = "1.2.3", "abc"
	defer func() { version, revision = "", "" }()
	if b := readBuild(); b.version != "1.2.3" || b.revision != "abc" || b.goVersion == "unknown" {
		t.Errorf("%+v", b)
	}
}

func TestCountersAreThereFromTheBeginning(t *testing.T) {
	registry := prometheus.NewRegistry()
	made := Counters(registry, prometheus.CounterOpts{Name: "x_total", Help: "x"}, "result", "ok", "failed")
	again := Counters(registry, prometheus.CounterOpts{Name: "x_total", Help: "x"}, "result", "ok", "failed")
	again.WithLabelValues("failed").Inc()
	if n := testutil.CollectAndCount(made); n != 2 {
		t.Errorf("%d series", n)
	}
	if got := testutil.ToFloat64(made.WithLabelValues("failed")); got != 1 {
		t.Errorf("counted %v", got)
	}
}

func BenchmarkStoreObserve(b *testing.B) {
	store := Discard(nil).Store("rooms")
	b.ReportAllocs()
	for b.Loop() {
		var err error
		store.Observe("get_room")(&err)
	}
}
