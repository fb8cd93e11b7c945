package bus

import (
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
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

// measure sets the lag: from the offset of the next record to be handled, -1 before the first record has come, to the partition's end
// as of the broker's last answer to a fetch. It sends no request. Before the first answer it sets nothing.
func (l lag) measure(from *kafka.Consumer, at topicPartition, next int64) {
	_, end, err := from.GetWatermarkOffsets(at.topic, at.partition)
	if err != nil || end < 0 {
		return
	}
	behind := int64(0) // before the first record: had there been any, they would have come with the answer
	if next >= 0 {
		behind = max(0, end-next)
	}
	l.records.WithLabelValues(l.group, at.topic, partitionLabel(at.partition)).Set(float64(behind))
}

// end removes a partition's lag: another process measures it now.
func (l lag) end(at topicPartition) {
	l.records.DeleteLabelValues(l.group, at.topic, partitionLabel(at.partition))
}
