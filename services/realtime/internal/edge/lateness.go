package edge

import (
	"log/slog"
	"time"

	"github.com/ism-chat/ism/libs/bus"
)

// lateness is the events that came so late that nobody can tell whether they were delivered before, since they were logged last. They come in great numbers
// where they come at all: an outbox that has waited, or a clock that is wrong.
type lateness struct {
	events   int
	example  bus.Record // the first
	happened time.Time
}

func (l *lateness) note(record bus.Record, happened time.Time) {
	if l.events == 0 {
		record.Value = nil // it is not kept for the log
		l.example, l.happened = record, happened
	}
	l.events++
}

// report logs them in one line, if there are any.
func (l *lateness) report(logger *slog.Logger) {
	if l.events == 0 {
		return
	}
	logger.Warn("events came so late that nobody can tell whether they were delivered before", "events", l.events, "topic", l.example.Topic,
		"partition", l.example.Partition, "offset", l.example.Offset, "happened", l.happened)
	*l = lateness{}
}
