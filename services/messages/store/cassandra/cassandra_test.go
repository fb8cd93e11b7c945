package cassandra_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// gocql does not wait for what it begins when others, here tests beside this one, change a schema.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/gocql/gocql.(*Session).handleSchemaEvent"))
}

func newStore(tb testing.TB, cfg cassandra.Config) *cassandra.Store {
	tb.Helper()
	s, err := cassandra.New(cfg, telemetry.Discard(nil))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	cfg := cassandratest.Config(t)
	storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, cfg) })
}
