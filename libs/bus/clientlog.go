package bus

import (
	"context"
	"log/slog"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Severities of syslog, which librdkafka logs with.
const (
	severityWarning = 4
	severityNotice  = 5
)

// clientLog carries what a client logs into ours.
type clientLog struct {
	lines chan kafka.LogEvent
	stop  chan struct{}
	done  chan struct{}
}

func (b *Bus) startClientLog(client string) *clientLog {
	l := &clientLog{lines: make(chan kafka.LogEvent, 64), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for {
			select {
			case line := <-l.lines:
				level := levelOf(line.Level)
				if line.Tag == "CONFWARN" { // about settings that we have chosen
					level = slog.LevelDebug
				}
				b.tel.Log.LogAttrs(context.Background(), level, "kafka client: "+line.Message,
					slog.String("client", client), slog.String("tag", line.Tag))
			case <-l.stop:
				return
			}
		}
	}()
	return l
}

// levelOf gives a level for a severity. A broker that is not reached is a severe thing to a client; to us it is a warning,
// which what fails because of it repeats with a consequence.
func levelOf(severity int) slog.Level {
	switch {
	case severity <= severityWarning:
		return slog.LevelWarn
	case severity == severityNotice:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// close ends the log, after its client.
func (l *clientLog) close() {
	close(l.stop)
	<-l.done
}
