package rooms_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/lifecycle"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
)

// reopening are the stores, each as a function that opens the same data again.
func reopening() map[string]func(t *testing.T) func(t *testing.T, tel *telemetry.Telemetry) store.Store {
	return map[string]func(t *testing.T) func(t *testing.T, tel *telemetry.Telemetry) store.Store{
		"sqlite": func(t *testing.T) func(t *testing.T, tel *telemetry.Telemetry) store.Store {
			path := filepath.Join(t.TempDir(), "rooms.db")
			return func(_ *testing.T, tel *telemetry.Telemetry) store.Store {
				return sqlite.New(sqlite.Config{Path: path}, tel)
			}
		},
		"postgres": func(t *testing.T) func(t *testing.T, tel *telemetry.Telemetry) store.Store {
			cfg := libpostgres.Config{URL: config.Secret(enginetest.PostgresDatabase(t)), PoolSize: 5, StatementTimeout: time.Minute}
			return func(t *testing.T, tel *telemetry.Telemetry) store.Store {
				s, err := postgres.New(cfg, libpostgres.MigrateAuto, tel)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
		},
	}
}

// An operator deletes the topic and starts the service again, nothing else. Its offsets begin at 0, before those of the previews that are shown.
func TestPreviewsGoOnWithALogThatIsMadeAnew(t *testing.T) {
	for name, opening := range reopening() {
		t.Run(name, func(t *testing.T) {
			open, port := opening(t), servicetest.FreePort(t)
			broker := nodetest.Broker(t, kfake.Ports(port))
			d := begun(t, open, port)
			alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
			room := d.create(t, alice, newRoom("Group", "Lunch", alice, bob))
			for i := range 5 {
				d.shows(t, bob, d.postMessage(t, room.ID, fmt.Sprintf("before %d", i), alice, bob))
			}
			d.Stop()
			if err := broker.DeleteTopic(events.TopicRooms); err != nil {
				t.Fatal(err)
			}
			again := prepare(t, open, port)
			again.issuer, bob.token = d.issuer, again.issuer.Token(t, bob.id, bob.name)
			again.Run(t)
			again.awaitReady(t)
			for i := range 2 {
				again.shows(t, bob, again.postMessage(t, room.ID, fmt.Sprintf("after %d", i), alice, bob))
			}
		})
	}
}

// shows waits until the user's first room shows the message of a time.
func (d *deployment) shows(t *testing.T, u user, at time.Time) {
	t.Helper()
	servicetest.Await(t, "the message in the list", func() bool { return d.list(t, u)[0].LatestMessage.Equal(at) })
}

func (d *deployment) awaitReady(t *testing.T) {
	t.Helper()
	servicetest.AwaitSuccess(t, "all that the service needs", func() error {
		for _, check := range d.service.Checks() {
			if err := check.Check(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys have moved to other partitions, with other offsets: the process ends before it writes anything, and says what to do.
func TestMorePartitionsEndTheProcess(t *testing.T) {
	port := servicetest.FreePort(t)
	nodetest.Broker(t, kfake.Ports(port))
	d := prepare(t, reopening()["sqlite"](t), port)
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	if err := d.bus.EnsureTopics(ctx, events.TopicRooms); err != nil {
		t.Fatal(err)
	}
	logs, err := d.bus.Incarnations(ctx, events.TopicRooms)
	if err != nil {
		t.Fatal(err)
	}
	before := logs[0]
	before.Partitions--
	stop := servicetest.Run(t, "store", d.store.Run)
	servicetest.AwaitSuccess(t, "history is written with fewer", func() error {
		_, err := d.store.RecordLog(ctx, before, 0)
		return err
	})
	stop()
	process := lifecycle.New(lifecycle.Config{StopTimeout: servicetest.Timeout}, slog.New(slog.DiscardHandler))
	for _, part := range d.service.Parts() {
		process.Add(part)
	}
	if err := process.Run(ctx); !errors.Is(err, bus.ErrPartitionsChanged) || !strings.Contains(err.Error(), "docs/operations.md") {
		t.Errorf("the process ends with %v", err)
	}
}
