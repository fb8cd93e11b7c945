package acls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/test/deployment"
)

// Every kind of client gets its tokens with the secret that the file has by now: an appender, a group's member, a reader, and what asks the brokers. While the
// secret is replaced nothing is lost; while the token endpoint refuses it an operator is told why.
func TestAClientSecretIsReplacedWhileClientsRun(t *testing.T) {
	t.Parallel()
	kafka := deployment.StartGuardedKafka(t)
	settings, tokens := kafka.ByTokenOfItsOwn(t, "ISM_KAFKA_")
	kafka.Allow(t, documented(t, "notifications", tokens.Name))
	var cfg struct{ Kafka bus.Config }
	var environ []string
	for name, value := range settings {
		environ = append(environ, name+"="+value)
	}
	if err := config.LoadFrom(&cfg, environ); err != nil {
		t.Fatal(err)
	}
	log := &servicetest.Log{}
	clients := bus.New(cfg.Kafka, telemetry.Discard(slog.New(slog.NewTextHandler(log, nil))))
	t.Cleanup(clients.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	traffic := begin(t, clients)
	traffic.goesOn(t, time.Now())

	secret := tokens.Change(t)
	tokens.Tell(t)
	servicetest.Await(t, "tokens by the new secret", func() bool { return strings.Contains(log.String(), "with the client secret that its file has by now") })
	replaced := time.Now()
	traffic.goesOn(t, replaced.Add(15*time.Second)) // the last token by the former secret has ended
	// None, unless a token is asked for between the change at the server and that of the file: these tokens end before a client asks again.
	t.Logf("while the secret was replaced %d records were refused", len(traffic.failures()))

	other := tokens.Change(t) // and the file still has the one before
	servicetest.Await(t, "it says that and why it is refused", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := clients.Ready(ctx)
		return err != nil && strings.Contains(err.Error(), "…_OAUTH_CLIENT_SECRET") && strings.Contains(err.Error(), tokens.Name)
	})
	tokens.Tell(t)
	servicetest.AwaitSuccess(t, "it is let in", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return clients.Ready(ctx)
	})
	traffic.goesOn(t, time.Now())
	traffic.end(t)
	if text := log.String(); strings.Contains(text, secret) || strings.Contains(text, other) {
		t.Error("the log tells a secret")
	} else if !strings.Contains(text, "tokens for Kafka are got again") {
		t.Error("the log does not tell that tokens come again")
	}
}

// traffic writes records one after the other, and has them read.
type traffic struct {
	stop []func()

	mu       sync.Mutex
	written  map[int]time.Time // that have been acknowledged
	refused  []error
	consumed map[int]bool
	read     map[int]bool
}

const trafficTopic = events.TopicNotifications

func begin(t *testing.T, clients *bus.Bus) *traffic {
	t.Helper()
	tr := &traffic{written: map[int]time.Time{}, consumed: map[int]bool{}, read: map[int]bool{}}
	note := func(in map[int]bool) bus.Handler {
		return func(_ context.Context, records []bus.Record) error {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			for _, record := range records {
				number, err := strconv.Atoi(string(record.Value))
				if err != nil {
					return fmt.Errorf("%w: %w", bus.ErrRejected, err)
				}
				in[number] = true
			}
			return nil
		}
	}
	appender, err := clients.NewAppender(bus.AppenderConfig{Topics: []string{trafficTopic}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := clients.NewConsumer(bus.ConsumerConfig{Group: "ism.notifications.inbox", Topics: []string{trafficTopic}, Handler: note(tr.consumed)})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := clients.NewReader(bus.ReaderConfig{Topics: []string{trafficTopic}, Since: time.Now().Add(-time.Hour), Handler: note(tr.read)})
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]func(context.Context) error{"appender": appender.Run, "consumer": consumer.Run, "reader": reader.Run} {
		tr.stop = append(tr.stop, servicetest.Run(t, name, part))
	}
	servicetest.AwaitSuccess(t, "the appender writes", func() error { return appender.Ready(t.Context()) })
	tr.stop = append([]func(){servicetest.Run(t, "writer", func(ctx context.Context) error { return tr.write(ctx, appender) })}, tr.stop...)
	return tr
}

// write writes until ctx is done. A record that is refused is not written, and one of which nobody knows may be.
func (tr *traffic) write(ctx context.Context, appender *bus.Appender) error {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for number := 0; ctx.Err() == nil; number++ {
		at := time.Now()
		_, err := appender.Append(ctx, bus.Record{Topic: trafficTopic, Key: uuid.NewString(), Value: []byte(strconv.Itoa(number))})
		tr.mu.Lock()
		switch {
		case err == nil:
			tr.written[number] = at
		case ctx.Err() == nil:
			tr.refused = append(tr.refused, err)
			if !errors.Is(err, bus.ErrUnavailable) {
				tr.mu.Unlock()
				return err
			}
		}
		tr.mu.Unlock()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// goesOn waits until what is written after the given time has arrived, and all before it.
func (tr *traffic) goesOn(t *testing.T, after time.Time) {
	t.Helper()
	servicetest.Await(t, "records are written and read", func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		arrived := false
		for number, at := range tr.written {
			arrived = arrived || at.After(after) && tr.consumed[number] && tr.read[number]
		}
		return arrived
	})
}

func (tr *traffic) failures() []error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.refused
}

// end ends the writer, and looks whether everything has arrived.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	tr.stop[0]()
	servicetest.Await(t, "all that is written has arrived", func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for number := range tr.written {
			if !tr.consumed[number] || !tr.read[number] {
				return false
			}
		}
		return true
	})
	t.Logf("%d records are written, and %d were refused", len(tr.written), len(tr.refused))
	for _, stop := range tr.stop[1:] {
		stop()
	}
}
