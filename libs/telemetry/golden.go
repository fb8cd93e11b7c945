package telemetry

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StoreMetrics are the golden signals of a store:
//
//	ism_store_duration_seconds{store, operation}
//	ism_store_operations_total{store, operation, outcome}
//	ism_store_in_flight{store, operation}
type StoreMetrics struct {
	operations *Operations
	store      string
	refusals   []error

	mu    sync.RWMutex
	known map[string]*Operation
}

// Store makes the metrics of a store, named "rooms" or "messages". Refusals are the store's errors that are proper
// answers, for example that there is no such room: they are counted with the outcome "refused".
func (t *Telemetry) Store(name string, refusals ...error) *StoreMetrics {
	return &StoreMetrics{
		operations: t.Operations("store", "store operations", "store", "operation"),
		store:      name,
		refusals:   refusals,
		known:      map[string]*Operation{},
	}
}

// Observe measures one operation of the store until the function that it returns is called, with the error that the
// operation ends with:
//
//	func (s *Store) AddRoom(ctx context.Context, room Room) (err error) {
//		defer s.metrics.Observe("add_room")(&err)
func (s *StoreMetrics) Observe(operation string) func(err *error) {
	end := s.operation(operation).Begin()
	return func(err *error) { end(Outcome(*err, s.refusals...)) }
}

func (s *StoreMetrics) operation(name string) *Operation {
	s.mu.RLock()
	operation := s.known[name]
	s.mu.RUnlock()
	if operation != nil {
		return operation
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	operation = s.operations.With(s.store, name)
	s.known[name] = operation
	return operation
}

// Produced are the golden signals of records written to a topic:
//
//	ism_produce_duration_seconds{topic}, ism_produce_operations_total{topic, outcome}, ism_produce_in_flight{topic}
func (t *Telemetry) Produced(topic string) *Operation {
	return t.Operations("produce", "records written", "topic").With(topic)
}

// Consumed are the golden signals of batches of a topic that a consumer group handles:
//
//	ism_consume_duration_seconds{topic, group}, ism_consume_operations_total{topic, group, outcome},
//	ism_consume_in_flight{topic, group}
func (t *Telemetry) Consumed(topic, group string) *Operation {
	return t.Operations("consume", "batches of records handled", "topic", "group").With(topic, group)
}

// RouteMetrics are the golden signals of a listener's routes:
//
//	ism_http_request_duration_seconds{listener, method, route}
//	ism_http_requests_total{listener, method, route, status}
//	ism_http_requests_in_flight{listener}
type RouteMetrics struct {
	duration *prometheus.HistogramVec
	requests *prometheus.CounterVec
	inFlight prometheus.Gauge
	listener string
	known    sync.Map // routed → *routeSeries: few, see [RouteMetrics.Begin]
}

// routed is how a request was answered.
type routed struct {
	method, route string
	status        int
}

type routeSeries struct {
	duration prometheus.Observer
	requests prometheus.Counter
}

// Routes makes the metrics of a listener, "public" or "internal".
func (t *Telemetry) Routes(listener string) *RouteMetrics {
	return &RouteMetrics{
		duration: Register(t.Metrics, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ism_http_request_duration_seconds", Help: "Latency of HTTP requests.", Buckets: buckets(),
		}, []string{"listener", "method", "route"})),
		requests: Register(t.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ism_http_requests_total", Help: "Number of HTTP requests, by status.",
		}, []string{"listener", "method", "route", "status"})),
		inFlight: Register(t.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ism_http_requests_in_flight", Help: "Number of HTTP requests under way.",
		}, []string{"listener"})).WithLabelValues(listener),
		listener: listener,
	}
}

// Begin measures one request until the function that it returns is called, once. The route is the pattern that matched,
// not the path; without one, and for a method that no route has, give a constant. The strings are copied, since a
// server may reuse their memory for the next request.
func (r *RouteMetrics) Begin() func(method, route string, status int) {
	start := time.Now()
	r.inFlight.Inc()
	return func(method, route string, status int) {
		r.inFlight.Dec()
		series := r.series(method, route, status)
		series.duration.Observe(time.Since(start).Seconds())
		series.requests.Inc()
	}
}

func (r *RouteMetrics) series(method, route string, status int) *routeSeries {
	if known, ok := r.known.Load(routed{method, route, status}); ok {
		return known.(*routeSeries) //nolint:forcetypeassert // nothing else is in it
	}
	method, route = strings.Clone(method), strings.Clone(route)
	series := &routeSeries{
		duration: r.duration.WithLabelValues(r.listener, method, route),
		requests: r.requests.WithLabelValues(r.listener, method, route, strconv.Itoa(status)),
	}
	r.known.Store(routed{method, route, status}, series)
	return series
}

// Saturation reports how full something bounded is, such as a queue or a pool of connections:
//
//	ism_saturation_used{resource, name}, ism_saturation_limit{resource, name}
//
// For example resource "store_connections", name "rooms". Read is called at each scrape, by any goroutine. The newest
// registration of a resource and name counts; the function returned ends this one.
func (t *Telemetry) Saturation(resource, name string, read func() (used, limit float64)) (end func()) {
	labels := []string{"resource", "name"}
	all := Register(t.Metrics, &saturation{
		used:    prometheus.NewDesc("ism_saturation_used", "How much of something bounded is in use.", labels, nil),
		limit:   prometheus.NewDesc("ism_saturation_limit", "How much of it there is.", labels, nil),
		sources: map[bounded]*source{},
	})
	return all.add(bounded{resource: resource, name: name}, &source{read: read})
}

type bounded struct{ resource, name string }

type source struct{ read func() (used, limit float64) }

type saturation struct {
	used, limit *prometheus.Desc

	mu      sync.Mutex
	sources map[bounded]*source
}

func (s *saturation) add(what bounded, from *source) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[what] = from
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sources[what] == from {
			delete(s.sources, what)
		}
	}
}

func (s *saturation) Describe(descs chan<- *prometheus.Desc) {
	descs <- s.used
	descs <- s.limit
}

func (s *saturation) Collect(metrics chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for what, from := range s.sources {
		used, limit := from.read()
		metrics <- prometheus.MustNewConstMetric(s.used, prometheus.GaugeValue, used, what.resource, what.name)
		metrics <- prometheus.MustNewConstMetric(s.limit, prometheus.GaugeValue, limit, what.resource, what.name)
	}
}
