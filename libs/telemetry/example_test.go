package telemetry_test

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

var errNotFound = errors.New("not found")

// A store measures each operation. What is a proper answer is no error in the metrics.
func ExampleStoreMetrics_Observe() {
	tel := telemetry.Discard(nil)
	metrics := tel.Store("inboxes", errNotFound)
	find := func() (err error) {
		defer metrics.Observe("find")(&err)
		return errNotFound
	}
	fmt.Println(find())
	// Output: not found
}

// Each value of the label is there from the beginning, so that its first increase shows.
func ExampleCounters() {
	delivered := telemetry.Counters(telemetry.Discard(nil).Metrics, prometheus.CounterOpts{
		Name: "ism_notifications_delivered_total", Help: "Notifications by where they went.",
	}, "to", "stream", "webhook")
	delivered.WithLabelValues("webhook").Inc()
}
