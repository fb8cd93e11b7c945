package bus

import (
	"encoding/json"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

// statisticsInterval is how often a client tells of itself, as an event. It tells of its requests in no other way.
const statisticsInterval = 5 * time.Second

// requests counts what a client asks of the brokers, and how often it connects to them.
type requests struct {
	sent *prometheus.CounterVec // by API
	seen map[string]int64       // by API, what the client has told of

	tried     prometheus.Counter
	seenTried int64
}

// newRequests is for one client of librdkafka: each counts from 0.
func (b *Bus) newRequests(client string) *requests {
	sent := telemetry.Register(b.tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_kafka_requests_total", Help: "Requests to the Kafka brokers, by Kafka's name of the API.",
	}, []string{"client", "api"}))
	tried := telemetry.Register(b.tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_kafka_connections_total", Help: "Connections to the Kafka brokers that were tried, those that failed included.",
	}, []string{"client"}))
	return &requests{sent: sent.MustCurryWith(prometheus.Labels{"client": client}), seen: map[string]int64{}, tried: tried.WithLabelValues(client)}
}

// count takes a client's statistics (https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md).
func (r *requests) count(statistics string) {
	var told struct {
		Brokers map[string]struct {
			Requests map[string]int64 `json:"req"`
			Connects int64            `json:"connects"`
		} `json:"brokers"`
	}
	if json.Unmarshal([]byte(statistics), &told) != nil {
		return
	}
	total, tried := map[string]int64{}, int64(0)
	for _, broker := range told.Brokers {
		tried += broker.Connects
		for api, n := range broker.Requests {
			total[api] += n
		}
	}
	r.tried.Add(float64(max(0, tried-r.seenTried)))
	r.seenTried = max(tried, r.seenTried)
	for api, n := range total {
		if more := n - r.seen[api]; more > 0 {
			r.sent.WithLabelValues(api).Add(float64(more))
			r.seen[api] = n
		}
	}
}
