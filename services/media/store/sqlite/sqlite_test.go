package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/sqlite"
	"github.com/ism-chat/ism/services/media/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func start(t *testing.T, path string) store.Rows {
	t.Helper()
	rows, err := sqlite.New(sqlite.Config{Path: path}, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Start(t, rows)
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Rows { return start(t, filepath.Join(t.TempDir(), "media.db")) })
}

func TestTheJobOfADeadProcessIsDone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "media.db")
	storetest.JobOfADeadProcess(t, start(t, path), func() {
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
