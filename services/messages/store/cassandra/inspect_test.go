package cassandra_test

import (
	"testing"

	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func TestInspectSaysWhatIsThereAndMakesNothing(t *testing.T) {
	cfg := cassandratest.Config(t)
	for range 2 {
		found, err := cassandra.Inspect(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if found.Keyspace || found.Nodes < 1 || found.Datacenter == "" || found.Release == "" {
			t.Errorf("found %v", found)
		}
	}
	storetest.Start(t, newStore(t, cfg))
	found, err := cassandra.Inspect(t.Context(), cfg)
	if err != nil || !found.Keyspace || len(found.MissingTables) > 0 || found.Replication[found.Datacenter] != "1" {
		t.Errorf("found %v, %v", found, err)
	}
}
