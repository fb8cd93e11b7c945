package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
	"github.com/ism-chat/ism/services/notifications/store/sqlite"
	"github.com/ism-chat/ism/services/notifications/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func BenchmarkInbox(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store {
		return storetest.Start(b, sqlite.New(sqlite.Config{Path: filepath.Join(b.TempDir(), "notifications.db")}, telemetry.Discard(nil)))
	})
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return storetest.Start(t, sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "notifications.db")}, telemetry.Discard(nil)))
	})
}
