package postgres

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// newStore makes a store on the database at url, not running.
func newStore(t *testing.T, url string) *Store {
	t.Helper()
	return storeThat(t, postgres.Config{URL: config.Secret(url), PoolSize: 10, StatementTimeout: time.Minute}, postgres.MigrateAuto)
}

func storeThat(t *testing.T, cfg postgres.Config, migrates postgres.Migrate) *Store {
	t.Helper()
	s, err := New(cfg, migrates, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return storetest.Start(t, newStore(t, enginetest.PostgresDatabase(t)))
	})
}
