package bus

import (
	"errors"
	"maps"
	"slices"
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

// ownHeaders are those of all dead letters.
var ownHeaders = [...]string{
	headerReason, headerTopic, headerPartition, headerOffset, headerGroup, headerAttempts, headerFailedAt, headerOmitted,
}

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
		for errors.Is(err, ErrRejected) && shrink(&letter) {
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

// shrink leaves out of a letter that is too large the value of its record, then the record's own headers, and at last most of its key: those of others may
// have any size. It reports false where nothing can be left out.
func shrink(letter *Record) bool {
	switch {
	case letter.Value != nil:
		letter.Headers[headerOmitted] = strconv.Itoa(len(letter.Value))
		letter.Value = nil
	case len(letter.Headers) > len(ownHeaders):
		maps.DeleteFunc(letter.Headers, func(name, _ string) bool { return !slices.Contains(ownHeaders[:], name) })
	case len(letter.Key) > maxReason:
		letter.Key = letter.Key[:maxReason]
	default:
		return false
	}
	return true
}
