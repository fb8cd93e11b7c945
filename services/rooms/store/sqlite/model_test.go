package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestModel(t *testing.T) {
	storetest.Model(t, storetest.Start(t, New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil))), 100)
}
