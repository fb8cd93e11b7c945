package cassandra_test

import (
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func newStore(tb testing.TB, cfg cassandra.Config) *cassandra.Store {
	tb.Helper()
	s, err := cassandra.New(cfg, cassandra.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	cfg := cassandratest.Config(t)
	storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, cfg) })
}
