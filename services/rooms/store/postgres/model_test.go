package postgres

import (
	"testing"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestModel(t *testing.T) {
	storetest.Model(t, storetest.Start(t, newStore(t, enginetest.PostgresDatabase(t))), 50)
}
