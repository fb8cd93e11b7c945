package bus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

// readerGroup stands for the group of a reader, which has none, in the labels of metrics.
const readerGroup = "(reader)"

// lag is how far a group is behind the ends of its partitions.
type lag struct {
	group   string
	records *prometheus.GaugeVec // by group, topic and partition
}

func (b *Bus) newLag(group string) lag {
	return lag{group: group, records: telemetry.Register(b.tel.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ism_consumer_lag_records", Help: "Records of an assigned partition that have not been handled.",
	}, []string{"group", "topic", "partition"}))}
}

// set sets the lag, from the offset of the next record to be handled to the partition's end. As long as the offset is not known, which
// is -1, it sets nothing.
func (l lag) set(at topicPartition, next, end int64) {
	if next >= 0 {
		l.records.WithLabelValues(l.group, at.topic, partitionLabel(at.partition)).Set(float64(max(0, end-next)))
	}
}

// end removes a partition's lag: another process measures it now.
func (l lag) end(at topicPartition) {
	l.records.DeleteLabelValues(l.group, at.topic, partitionLabel(at.partition))
}
