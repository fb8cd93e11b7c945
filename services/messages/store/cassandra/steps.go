package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

const (
	lockPoll = 200 * time.Millisecond
	// lockTTL is longer than a holder has for its work, migrateTimeout, so a lock never expires under its holder. It ends the
	// lock of a process that was killed.
	lockTTL       = 2 * migrateTimeout
	unlockTimeout = 5 * time.Second
)

// migration brings the schema of a keyspace up to date.
//
// Changes of a schema are not transactional: a process may be killed between a change and its record, or between two changes
// of a step. So each change is looked for in the schema that the cluster has before it is made, and a step is recorded when all
// of its changes are there and the nodes agree. A keyspace that was made before steps were recorded is in that sense one that
// was left after the first step.
//
// Two nodes of Cassandra that make the same table at the same time give it two ids, and disagree from then on. So steps are made
// under a lock, a row that is written by lightweight transactions alone; only the keyspace and the two tables that this takes are
// made without it. ScyllaDB needs none: its nodes agree on each change before it is made, and a keyspace in tablets may not have
// lightweight transactions.
type migration struct {
	session  *gocql.Session
	keyspace string
	log      *slog.Logger
}

// run makes what is missing, and says what it has made, also with an error. It looks first, since even a statement that has nothing to do makes the
// nodes agree on a schema.
func (m migration) run(ctx context.Context, cfg Config) (made []string, err error) {
	fresh, err := createKeyspace(ctx, m.session, cfg)
	if err != nil {
		return nil, err
	}
	if fresh {
		made = append(made, "keyspace "+cfg.Keyspace)
	}
	missing, err := m.missing(ctx)
	if err != nil || len(missing) == 0 {
		return made, err
	}
	ctx, unlock, err := m.lock(ctx)
	if err != nil {
		return made, err
	}
	defer unlock()
	if missing, err = m.missing(ctx); err != nil {
		return made, err
	}
	for _, number := range missing {
		if err := m.apply(ctx, number, steps[number-1]); err != nil {
			return made, fmt.Errorf("make step %d of the schema, %s: %w", number, steps[number-1].name, err)
		}
		made = append(made, describe([]int{number})[0])
	}
	return made, nil
}

func (m migration) apply(ctx context.Context, number int, s step) error {
	for _, change := range s.changes {
		if err := m.make(ctx, change); err != nil {
			return err
		}
	}
	if err := m.session.AwaitSchemaAgreement(ctx); err != nil {
		return fmt.Errorf("await agreement on the schema: %w", err)
	}
	statement := fmt.Sprintf("INSERT INTO %s.schema_steps (number, name, applied_at) VALUES (?, ?, ?)", m.keyspace)
	if err := m.session.Query(statement, number, s.name, time.Now()).WithContext(ctx).Idempotent(true).Exec(); err != nil {
		return fmt.Errorf("record the step: %w", err)
	}
	m.log.InfoContext(ctx, "message store's schema has a new step", slog.Int("step", number), slog.String("name", s.name))
	return nil
}

// make makes a change that is not there. That it fails does not matter where somebody else has made it meanwhile.
func (m migration) make(ctx context.Context, c change) error {
	present, err := presentTables(ctx, m.session, m.keyspace)
	if err != nil || c.doneIn(present) {
		return err
	}
	statement := c.statement(m.keyspace)
	failed := m.session.Query(statement).WithContext(ctx).Exec()
	if failed == nil {
		return nil
	}
	present, err = presentTables(ctx, m.session, m.keyspace)
	if err == nil && c.doneIn(present) {
		return nil
	}
	return fmt.Errorf("%s: %w", statement, errors.Join(failed, err))
}

// missing gives the numbers of the steps that are not recorded. Steps of a newer build are no fault: they only add.
func (m migration) missing(ctx context.Context) ([]int, error) {
	recorded, err := recordedSteps(ctx, m.session, m.keyspace)
	if err != nil {
		return nil, err
	}
	if newest := slices.Max(append(slices.Collect(maps.Keys(recorded)), 0)); newest > len(steps) {
		m.log.WarnContext(ctx, "message store's schema is newer than this build", slog.Int("step", newest), slog.Int("known", len(steps)))
	}
	return missingFrom(recorded), nil
}

func missingFrom(recorded map[int]recordedStep) (missing []int) {
	for i := range steps {
		if _, done := recorded[i+1]; !done {
			missing = append(missing, i+1)
		}
	}
	return missing
}

// describe gives steps as people read them.
func describe(numbers []int) []string {
	described := make([]string, len(numbers))
	for i, number := range numbers {
		described[i] = fmt.Sprintf("step %d (%s)", number, steps[number-1].name)
	}
	return described
}

// lock waits until no other process changes the schema. The context that it gives ends before the lock expires; the function lets the next one.
func (m migration) lock(ctx context.Context) (locked context.Context, unlock func(), err error) {
	for _, table := range bookkeeping {
		if err := m.make(ctx, table); err != nil {
			return nil, nil, err
		}
	}
	scylla, err := isScylla(ctx, m.session)
	if err != nil {
		return nil, nil, err
	}
	if scylla {
		locked, unlock = context.WithTimeout(ctx, migrateTimeout)
		return locked, unlock, nil
	}
	if err := m.session.AwaitSchemaAgreement(ctx); err != nil {
		return nil, nil, fmt.Errorf("await agreement on the schema: %w", err)
	}
	holder := gocql.TimeUUID()
	take := fmt.Sprintf("INSERT INTO %s.schema_lock (id, holder) VALUES (1, ?) IF NOT EXISTS USING TTL %d", m.keyspace, int(lockTTL.Seconds()))
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		found := map[string]any{}
		taken, err := m.session.Query(take, holder).WithContext(ctx).SerialConsistency(gocql.LocalSerial).MapScanCAS(found)
		if err != nil {
			return nil, nil, fmt.Errorf("lock the schema: %w", err)
		}
		if taken || found["holder"] == holder { // the driver may have tried twice
			locked, cancel := context.WithTimeout(ctx, migrateTimeout)
			return locked, func() { cancel(); m.unlock(ctx, holder) }, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("wait for the process that changes the schema: %w", ctx.Err())
		}
	}
}

func (m migration) unlock(ctx context.Context, holder gocql.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
	defer cancel()
	statement := fmt.Sprintf("DELETE FROM %s.schema_lock WHERE id = 1 IF holder = ?", m.keyspace)
	_, err := m.session.Query(statement, holder).WithContext(ctx).SerialConsistency(gocql.LocalSerial).MapScanCAS(map[string]any{})
	if err != nil {
		m.log.WarnContext(ctx, "the lock on the message store's schema is not given back; it expires", slog.Duration("in", lockTTL), slog.Any("error", err))
	}
}

// createKeyspace makes the keyspace, and reports so, unless it is there.
func createKeyspace(ctx context.Context, session *gocql.Session, cfg Config) (made bool, err error) {
	present, err := names(ctx, session, `SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?`, cfg.Keyspace)
	if err != nil {
		return false, fmt.Errorf("list keyspaces: %w", err)
	}
	if present[cfg.Keyspace] {
		return false, nil
	}
	statement := fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': '%d'}",
		cfg.Keyspace, cfg.Datacenter, cfg.ReplicationFactor)
	if err := session.Query(statement).WithContext(ctx).Exec(); err != nil {
		return false, fmt.Errorf("make keyspace %s: %w", cfg.Keyspace, err)
	}
	return true, nil
}

// presentTables looks at the schema that the cluster has.
func presentTables(ctx context.Context, session *gocql.Session, keyspace string) (tables, error) {
	rows := session.Query(`SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = ?`, keyspace).WithContext(ctx).Iter()
	present := tables{}
	for table, column := "", ""; rows.Scan(&table, &column); {
		if present[table] == nil {
			present[table] = map[string]bool{}
		}
		present[table][column] = true
	}
	if err := rows.Close(); err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	rows = session.Query(`SELECT table_name, compaction FROM system_schema.tables WHERE keyspace_name = ?`, keyspace).WithContext(ctx).Iter()
	for table, options := "", map[string]string(nil); rows.Scan(&table, &options); {
		for option := range options {
			if present[table] != nil {
				present[table][optionOf(option)] = true
			}
		}
	}
	if err := rows.Close(); err != nil {
		return nil, fmt.Errorf("list how tables are kept: %w", err)
	}
	return present, nil
}

// recordedStep is what schema_steps has of a step that is done.
type recordedStep struct {
	name string
	at   time.Time
}

// recordedSteps gives the steps that are done, by number.
func recordedSteps(ctx context.Context, session *gocql.Session, keyspace string) (map[int]recordedStep, error) {
	present, err := presentTables(ctx, session, keyspace)
	if err != nil || present["schema_steps"] == nil {
		return nil, err
	}
	rows := session.Query("SELECT number, name, applied_at FROM " + keyspace + ".schema_steps").WithContext(ctx).Idempotent(true).Iter()
	recorded := map[int]recordedStep{}
	var done recordedStep
	for number := 0; rows.Scan(&number, &done.name, &done.at); {
		recorded[number] = done
	}
	if err := rows.Close(); err != nil {
		return nil, fmt.Errorf("read which steps the schema has: %w", err)
	}
	return recorded, nil
}

func isScylla(ctx context.Context, session *gocql.Session) (bool, error) {
	own, err := names(ctx, session, `SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system'`)
	if err != nil {
		return false, fmt.Errorf("list the system's tables: %w", err)
	}
	return own["scylla_local"], nil
}

func names(ctx context.Context, session *gocql.Session, query string, args ...any) (map[string]bool, error) {
	found := map[string]bool{}
	rows := session.Query(query, args...).WithContext(ctx).Iter()
	for name := ""; rows.Scan(&name); {
		found[strings.ToLower(name)] = true
	}
	return found, rows.Close()
}
