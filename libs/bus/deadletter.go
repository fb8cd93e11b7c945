package bus

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

// Headers that a dead letter has beside those of its record.
const (
	headerReason    = "ism_reason"    // why it could not be handled
	headerTopic     = "ism_topic"     // where it stood
	headerPartition = "ism_partition" //
	headerOffset    = "ism_offset"    //
	headerGroup     = "ism_group"     // the consumer group that could not handle it
	headerAttempts  = "ism_attempts"  // how often it was tried
	headerFailedAt  = "ism_failed_at" // as on the wire, see wire.Time
	headerOmitted   = "ism_omitted"   // bytes of a value that was too large to go with it
)

const (
	maxReason = 2000 // bytes of the reason in a dead letter
	// maxLetter is more than a record may have, so that one with these headers fits, and less than brokers take (1,048,588).
	maxLetter = 1_040_000
)

// bury writes a record to the dead letters, again until it is there. It reports false if the worker has to stop before that.
func (w *worker) bury(record Record, reason error, attempts int) bool {
	headers := maps.Clone(record.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	text := reason.Error()
	headers[headerReason] = strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
	headers[headerTopic] = record.Topic
	headers[headerPartition] = strconv.Itoa(int(record.Partition))
	headers[headerOffset] = strconv.FormatInt(record.Offset, 10)
	headers[headerGroup] = w.consumer.cfg.Group
	headers[headerAttempts] = strconv.Itoa(attempts)
	headers[headerFailedAt] = wire.At(time.Now()).String()
	letter := Record{Topic: events.TopicDeadLetters, Key: record.Key, Value: record.Value, Headers: headers, Partition: PartitionAny}
	written := w.retry("write a dead letter", func() error {
		_, err := w.consumer.letters.Load().Produce(w.ctx, letter)
		if errors.Is(err, ErrRejected) && letter.Value != nil {
			headers[headerOmitted] = strconv.Itoa(len(letter.Value))
			letter.Value = nil
			_, err = w.consumer.letters.Load().Produce(w.ctx, letter)
		}
		return err
	})
	if written {
		w.consumer.metrics.deadLetters.WithLabelValues(record.Topic).Inc()
		w.consumer.bus.tel.Log.ErrorContext(w.ctx, "a record went to the dead letters", "group", w.consumer.cfg.Group,
			"topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "attempts", attempts, "reason", headers[headerReason])
	}
	return written
}
