package sqlite_test

import (
	"database/sql"
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

func TestTheJobOfADeadProcessIsDone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notifications.db")
	s := storetest.Start(t, sqlite.New(sqlite.Config{Path: path}, telemetry.Discard(nil)))
	storetest.JobOfADeadProcess(t, s, func() {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		result, err := db.ExecContext(t.Context(), `
UPDATE river_job SET state = 'running', attempt = 1, attempted_at = datetime('now', '-2 minutes', 'subsec'), attempted_by = jsonb('["dead"]')`)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			t.Fatalf("%d jobs are orphans, %v", n, err)
		}
	})
}
