package cassandra

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gocql/gocql"
)

// Inspection is what a cluster says of itself.
type Inspection struct {
	Scylla        bool
	Release       string // of Cassandra, or of the Cassandra that ScyllaDB speaks like
	Datacenter    string // of the node that was reached
	Nodes         int
	Keyspace      bool              // it is there
	Replication   map[string]string // of the keyspace, as CQL has it: class, and a number for each datacenter
	MissingTables []string
	MissingSteps  []string // of the schema, in order, as people read them
}

// Inspect looks at the cluster and changes nothing. Reaching for it is not ended by ctx, but by timeouts of its own.
func Inspect(ctx context.Context, cfg Config) (found Inspection, err error) {
	cluster, err := newCluster(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return Inspection{}, err
	}
	cluster.NumConns = 1
	cluster.Consistency = gocql.One // what is read is each node's own, or the same on all
	session, err := cluster.CreateSession()
	if err != nil {
		return Inspection{}, fmt.Errorf("connect: %w", err)
	}
	defer session.Close()
	if err := session.Query(`SELECT data_center, release_version FROM system.local`).WithContext(ctx).Scan(&found.Datacenter, &found.Release); err != nil {
		return Inspection{}, fmt.Errorf("ask the node about itself: %w", err)
	}
	peers, err := names(ctx, session, `SELECT peer FROM system.peers`)
	if err != nil {
		return Inspection{}, fmt.Errorf("list nodes: %w", err)
	}
	found.Nodes = len(peers) + 1
	if found.Scylla, err = isScylla(ctx, session); err != nil {
		return Inspection{}, err
	}
	return found, inspectKeyspace(ctx, session, cfg.Keyspace, &found)
}

func inspectKeyspace(ctx context.Context, session *gocql.Session, keyspace string, found *Inspection) error {
	rows := session.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, keyspace).WithContext(ctx).Iter()
	found.Keyspace = rows.Scan(&found.Replication)
	if err := rows.Close(); err != nil {
		return fmt.Errorf("look for the keyspace: %w", err)
	}
	if !found.Keyspace {
		return nil
	}
	present, err := presentTables(ctx, session, keyspace)
	if err != nil {
		return err
	}
	for _, step := range steps {
		for _, change := range step.changes {
			if wanted, ok := change.(table); ok && !wanted.doneIn(present) {
				found.MissingTables = append(found.MissingTables, wanted.name)
			}
		}
	}
	recorded, err := recordedSteps(ctx, session, keyspace)
	if err != nil {
		return err
	}
	found.MissingSteps = describe(missingFrom(recorded))
	return nil
}
