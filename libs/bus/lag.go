package bus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

// readerGroup stands for the group of a reader, which has none, in the labels of metrics.
const readerGroup = "(reader)"

// partitionGauge is a figure of each partition that a group has been assigned.
type partitionGauge struct {
	group  string
	values *prometheus.GaugeVec // by group, topic and partition
}

func (b *Bus) newPartitionGauge(group, name, help string) partitionGauge {
	return partitionGauge{group: group, values: telemetry.Register(b.tel.Metrics, prometheus.NewGaugeVec(
		prometheus.GaugeOpts{Name: name, Help: help}, []string{"group", "topic", "partition"},
	))}
}

func (g partitionGauge) set(at topicPartition, value float64) {
	g.values.WithLabelValues(g.group, at.topic, partitionLabel(at.partition)).Set(value)
}

// end removes a partition's figure: it is another process's now.
func (g partitionGauge) end(at topicPartition) {
	g.values.DeleteLabelValues(g.group, at.topic, partitionLabel(at.partition))
}

// lag is how far a group is behind the ends of its partitions.
type lag struct {
	partitionGauge
}

func (b *Bus) newLag(group string) lag {
	return lag{b.newPartitionGauge(group, "ism_consumer_lag_records", "Records of an assigned partition that have not been handled.")}
}

// set sets the lag, from the offset of the next record to be handled to the partition's end. As long as the offset is not known, which
// is -1, it sets nothing.
func (l lag) set(at topicPartition, next, end int64) {
	if next >= 0 {
		l.partitionGauge.set(at, float64(max(0, end-next)))
	}
}
