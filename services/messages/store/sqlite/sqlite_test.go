package sqlite_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler))
	})
}
