package cassandra_test

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

func TestConfigIsChecked(t *testing.T) {
	good := cassandra.Config{
		Hosts: []string{"localhost:9042"}, Keyspace: "ism_messages", Consistency: "LOCAL_QUORUM", ReplicationFactor: 1,
		Timeout: time.Second, Connections: 2,
	}
	if faults := good.Validate(); len(faults) > 0 {
		t.Errorf("the faults of a good one are %v", faults)
	}
	for variable, change := range map[string]func(*cassandra.Config){
		"HOSTS":              func(c *cassandra.Config) { c.Hosts = nil },
		"KEYSPACE":           func(c *cassandra.Config) { c.Keyspace = "x; DROP KEYSPACE y" },
		"CONSISTENCY":        func(c *cassandra.Config) { c.Consistency = "ANY" },
		"REPLICATION_FACTOR": func(c *cassandra.Config) { c.ReplicationFactor = 0 },
		"DATACENTER":         func(c *cassandra.Config) { c.Datacenter = "dc1'" },
		"TIMEOUT":            func(c *cassandra.Config) { c.Timeout = 0 },
		"CONNECTIONS":        func(c *cassandra.Config) { c.Connections = 0 },
	} {
		bad := good
		change(&bad)
		if faults := bad.Validate(); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("the faults of a bad %s are %v", variable, faults)
		}
	}
}
