package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/gocql/gocql"

	"github.com/ism-chat/ism/libs/schema"
)

// Errors of [Migrations.Newest] and [Migrations.Down].
var (
	ErrNothingApplied = errors.New("no step is applied")
	ErrUnknownStep    = errors.New("the newest step is not one of this version's: undo it with the version that made it")
)

// Migrations are the steps of the schema of one keyspace.
type Migrations struct{ cfg Config }

// NewMigrations reaches for nothing: each method makes a session of its own.
func NewMigrations(cfg Config) *Migrations { return &Migrations{cfg: cfg} }

// List gives this version's steps, and those that the keyspace has beside them, in their order. It changes nothing.
func (m *Migrations) List(ctx context.Context) ([]schema.Step, error) {
	var all []schema.Step
	err := m.with(ctx, func(ctx context.Context, on migration) (err error) {
		all, err = on.list(ctx)
		return err
	})
	return all, err
}

// Up makes the keyspace and the steps that are missing, and says what it has made, also with an error. Of several processes one makes them, the others
// wait. When it is done, all nodes have the schema.
func (m *Migrations) Up(ctx context.Context) (made []string, err error) {
	err = m.with(ctx, func(ctx context.Context, on migration) (err error) {
		cfg := m.cfg
		if cfg.Datacenter == "" {
			if cfg.Datacenter, err = localDatacenter(ctx, on.session); err != nil {
				return err
			}
		}
		made, err = on.run(ctx, cfg)
		if err != nil {
			return err
		}
		return on.check(ctx)
	})
	return made, err
}

// Newest gives the step that [Migrations.Down] undoes, and the CQL that does it. It changes nothing.
func (m *Migrations) Newest(ctx context.Context) (name, undo string, err error) {
	err = m.with(ctx, func(ctx context.Context, on migration) error {
		number, err := on.newest(ctx)
		if err != nil {
			return err
		}
		name = describe([]int{number})[0]
		present, err := presentTables(ctx, on.session, on.keyspace)
		if err != nil {
			return err
		}
		for _, change := range slices.Backward(steps[number-1].changes) {
			if change.doneIn(present) {
				undo += change.undo(on.keyspace) + ";\n"
			}
		}
		return nil
	})
	return name, undo, err
}

// Down undoes the newest step, with all that only it has room for, and gives its name.
func (m *Migrations) Down(ctx context.Context) (undone string, err error) {
	err = m.with(ctx, func(ctx context.Context, on migration) error {
		if _, err := on.newest(ctx); err != nil { // so that an empty keyspace is not locked, which takes a table
			return err
		}
		number, err := on.down(ctx)
		if err == nil {
			undone = describe([]int{number})[0]
		}
		return err
	})
	return undone, err
}

// with gives a session to what looks at the schema or changes it. A connection that is not there is an error at once.
func (m *Migrations) with(ctx context.Context, do func(ctx context.Context, on migration) error) error {
	log := slog.New(slog.DiscardHandler)
	session, err := schemaSession(m.cfg, log)
	if err != nil {
		return err
	}
	defer session.Close()
	return do(ctx, migration{session: session, keyspace: m.cfg.Keyspace, log: log})
}

// schemaSession is a session for changes of the schema. It is not bound to the keyspace, which may not be there.
func schemaSession(cfg Config, log *slog.Logger) (*gocql.Session, error) {
	cluster, err := newCluster(cfg, log)
	if err != nil {
		return nil, err
	}
	cluster.NumConns = 1
	cluster.Timeout = migrateTimeout // a change of schema takes longer than a query may
	session, err := cluster.CreateSession()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return session, nil
}

func localDatacenter(ctx context.Context, session *gocql.Session) (datacenter string, err error) {
	if err := session.Query(`SELECT data_center FROM system.local`).WithContext(ctx).Scan(&datacenter); err != nil {
		return "", fmt.Errorf("find out the datacenter: %w", err)
	}
	return datacenter, nil
}

func (m migration) list(ctx context.Context) ([]schema.Step, error) {
	recorded, err := recordedSteps(ctx, m.session, m.keyspace)
	if err != nil {
		return nil, err
	}
	all := make([]schema.Step, 0, len(steps))
	for i, step := range steps {
		done, applied := recorded[i+1]
		all = append(all, schema.Step{Number: int64(i + 1), Name: step.name, Known: true, Applied: applied, At: done.at})
	}
	for number, done := range recorded {
		if number > len(steps) {
			all = append(all, schema.Step{Number: int64(number), Name: done.name, Applied: true, At: done.at})
		}
	}
	slices.SortFunc(all, func(a, b schema.Step) int { return cmp.Compare(a.Number, b.Number) })
	return all, nil
}

// newest gives the number of the newest step that the keyspace has, wholly or in part: one that a killed process has left half made or half undone
// is not recorded.
func (m migration) newest(ctx context.Context) (int, error) {
	recorded, err := recordedSteps(ctx, m.session, m.keyspace)
	if err != nil {
		return 0, err
	}
	present, err := presentTables(ctx, m.session, m.keyspace)
	if err != nil {
		return 0, err
	}
	newest := 0
	for number := range recorded {
		newest = max(newest, number)
	}
	for i, step := range steps {
		if slices.ContainsFunc(step.changes, func(c change) bool { return c.doneIn(present) }) {
			newest = max(newest, i+1)
		}
	}
	switch {
	case newest == 0:
		return 0, ErrNothingApplied
	case newest > len(steps):
		return 0, fmt.Errorf("%w: step %d (%s)", ErrUnknownStep, newest, recorded[newest].name)
	}
	return newest, nil
}

// down undoes the newest step. Its record goes first: a step that is recorded has all of its changes.
func (m migration) down(ctx context.Context) (int, error) {
	ctx, unlock, err := m.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	number, err := m.newest(ctx)
	if err != nil {
		return 0, err
	}
	if err := m.forget(ctx, number); err != nil {
		return 0, err
	}
	for _, change := range slices.Backward(steps[number-1].changes) {
		if err := m.unmake(ctx, change); err != nil {
			return 0, fmt.Errorf("undo %s, which can be tried again: %w", describe([]int{number})[0], err)
		}
	}
	if err := m.session.AwaitSchemaAgreement(ctx); err != nil {
		return 0, fmt.Errorf("await agreement on the schema: %w", err)
	}
	return number, nil
}

// forget removes the record of a step. It looks whether the record has gone: one that was written by a clock which is ahead stays.
func (m migration) forget(ctx context.Context, number int) error {
	statement := "DELETE FROM " + m.keyspace + ".schema_steps WHERE number = ?"
	if err := m.session.Query(statement, number).WithContext(ctx).Idempotent(true).Exec(); err != nil {
		return fmt.Errorf("remove the record of a step: %w", err)
	}
	recorded, err := recordedSteps(ctx, m.session, m.keyspace)
	if err != nil {
		return err
	}
	if _, stays := recorded[number]; stays {
		return fmt.Errorf("the record of %s stays: the clock of who made it is ahead of this one; nothing was undone", describe([]int{number})[0])
	}
	return nil
}

// unmake undoes a change that is there. That it fails does not matter where the change has gone all the same: the driver may have tried twice.
func (m migration) unmake(ctx context.Context, c change) error {
	present, err := presentTables(ctx, m.session, m.keyspace)
	if err != nil || !c.doneIn(present) {
		return err
	}
	statement := c.undo(m.keyspace)
	failed := m.session.Query(statement).WithContext(ctx).Exec()
	if failed == nil {
		return nil
	}
	present, err = presentTables(ctx, m.session, m.keyspace)
	if err == nil && !c.doneIn(present) {
		return nil
	}
	return fmt.Errorf("%s: %w", statement, errors.Join(failed, err))
}

// check fails while steps are missing, for a process that must not make them.
func (m migration) check(ctx context.Context) error {
	missing, err := m.missing(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	return fmt.Errorf("keyspace %s lacks %s: messages migrate up makes them", m.keyspace, strings.Join(describe(missing), ", "))
}
