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

// TestOnOneKeyspace is what rooms keep apart from each other. A keyspace of its own for each of them takes the nodes longer than most of them do.
func TestOnOneKeyspace(t *testing.T) {
	cfg := cassandratest.Config(t)
	storetest.Start(t, newStore(t, cfg)) // makes the schema
	t.Run("conformance", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, cfg) })
	})
	for name, test := range map[string]func(*testing.T, cassandra.Config){
		"rooms that are busy":                               testBusyRooms,
		"an outage is said in time, and ends":               testOutage,
		"a cluster that comes later is connected":           testLaterCluster,
		"each query has a span":                             testSpans,
		"each query of an append has a deadline of its own": testDeadlines,
		"a message that cannot be stored is no outage":      testUnstorable,
		"a store works by TLS":                              testTLS,
		"a process knows what another has stored":           testTwoProcesses,
		"what was replaced is not kept":                     testReplaced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, cfg)
		})
	}
}
