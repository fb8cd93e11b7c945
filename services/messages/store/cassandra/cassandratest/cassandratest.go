// Package cassandratest gives tests a keyspace of their own in a real Cassandra or ScyllaDB.
package cassandratest

import (
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

const (
	user          = "cassandra" // the default of a fresh cluster, and its password
	schemaTimeout = time.Minute // for a change of schema
)

// Config is the configuration of a store with a keyspace that is the test's own and goes with it.
func Config(tb testing.TB) cassandra.Config {
	tb.Helper()
	cfg := cassandra.Config{
		Hosts:             enginetest.CassandraHosts(tb),
		Keyspace:          "test_" + strings.ReplaceAll(uuid.NewString(), "-", ""),
		Username:          user,
		Password:          user,
		Consistency:       "LOCAL_QUORUM",
		ReplicationFactor: 1,
		Timeout:           time.Minute, // a busy machine is not what is tested
		Connections:       2,
	}
	tb.Cleanup(func() { drop(tb, cfg) })
	return cfg
}

func drop(tb testing.TB, cfg cassandra.Config) {
	tb.Helper()
	cluster := gocql.NewCluster(cfg.Hosts...)
	cluster.ProtoVersion = 4
	cluster.Timeout, cluster.ConnectTimeout = schemaTimeout, schemaTimeout
	cluster.NumConns = 1
	cluster.Authenticator = gocql.PasswordAuthenticator{Username: user, Password: user}
	session, err := cluster.CreateSession()
	if err != nil {
		tb.Errorf("connect to drop keyspace: %v", err)
		return
	}
	defer session.Close()
	if err := session.Query("DROP KEYSPACE IF EXISTS " + cfg.Keyspace).Exec(); err != nil {
		tb.Errorf("drop keyspace: %v", err)
	}
}
