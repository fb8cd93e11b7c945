package cassandra_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
)

// schemaOf are the columns of a keyspace's tables with their types, but for what records steps.
func schemaOf(t *testing.T, session *gocql.Session, keyspace string) map[string]string {
	t.Helper()
	found := map[string]string{}
	rows := session.Query(`SELECT table_name, column_name, type FROM system_schema.columns WHERE keyspace_name = ?`, keyspace).WithContext(t.Context()).Iter()
	for table, column, kind := "", "", ""; rows.Scan(&table, &column, &kind); {
		if !strings.HasPrefix(table, "schema_") {
			found[table+"."+column] = kind
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	rows = session.Query(`SELECT table_name, compaction FROM system_schema.tables WHERE keyspace_name = ?`, keyspace).WithContext(t.Context()).Iter()
	for table, options := "", map[string]string(nil); rows.Scan(&table, &options); {
		if strings.HasPrefix(table, "schema_") {
			continue
		}
		for option, value := range options {
			found[table+".compaction."+option] = value
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

// Each step is undone by what its changes say of themselves, down to an empty keyspace.
func TestEachStepIsUndone(t *testing.T) {
	cfg := cassandratest.Config(t)
	schema := cassandra.NewMigrations(cfg)
	made, err := schema.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := session(t, cfg)
	for _, step := range slices.Backward(made[1:]) { // the first is the keyspace
		before := schemaOf(t, own, cfg.Keyspace)
		name, undo, err := schema.Newest(t.Context())
		if err != nil || name != step || !strings.Contains(undo, "DROP ") && !strings.Contains(undo, "WITH compaction") {
			t.Fatalf("the newest step is %s, undone by %q, %v; want %s", name, undo, err, step)
		}
		if undone, err := schema.Down(t.Context()); err != nil || undone != step {
			t.Fatalf("undone is %s, %v; want %s", undone, err, step)
		}
		after := schemaOf(t, own, cfg.Keyspace)
		if len(after) >= len(before) {
			t.Errorf("%s has left all it had made", step)
		}
		maps.DeleteFunc(before, func(column, kind string) bool { return after[column] == kind })
		for column := range before {
			if !strings.Contains(undo, strings.Split(column, ".")[0]) {
				t.Errorf("undoing %s has taken %s, and has not said so", step, column)
			}
		}
	}
	if left := schemaOf(t, own, cfg.Keyspace); len(left) > 0 {
		t.Errorf("without any step there is %v", left)
	}
	if _, err := schema.Down(t.Context()); !errors.Is(err, cassandra.ErrNothingApplied) {
		t.Errorf("an empty keyspace is undone: %v", err)
	}
	undoesWhatIsHalfUndone(t, schema, own, cfg.Keyspace)
}

// A process that is killed while it undoes a step leaves one that is not recorded. The next one goes on with it, and with no other.
func undoesWhatIsHalfUndone(t *testing.T, schema *cassandra.Migrations, own *gocql.Session, keyspace string) {
	t.Helper()
	for _, statement := range []string{beforeSteps[0], idsTable, revisionsColumn, recordFirst} {
		do(t, own, statement)
	}
	if undone, err := schema.Down(t.Context()); err != nil || undone != "step 3 (revisions)" {
		t.Fatalf("undone is %s, %v", undone, err)
	}
	if left := schemaOf(t, own, keyspace); left["messages.revisions"] != "" || left["message_ids.message_id"] == "" {
		t.Errorf("left is %v", left)
	}

	// Whoever goes back to an older version must not undo beneath what that version does not know.
	do(t, own, recordFuture)
	if name, _, err := schema.Newest(t.Context()); !errors.Is(err, cassandra.ErrUnknownStep) {
		t.Errorf("below a step of a newer version %s would be undone, %v", name, err)
	}
	if undone, err := schema.Down(t.Context()); !errors.Is(err, cassandra.ErrUnknownStep) {
		t.Errorf("below a step of a newer version %s was undone, %v", undone, err)
	}

	// A clock that is ahead has written a record which this one cannot remove: nothing is dropped.
	do(t, own, `DELETE FROM schema_steps USING TIMESTAMP ? WHERE number = 99`, int64(1)<<62)
	do(t, own, `INSERT INTO schema_steps (number, name) VALUES (2, 'messages by id') USING TIMESTAMP ?`, int64(1)<<61)
	if undone, err := schema.Down(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing was undone") {
		t.Errorf("undone is %s, %v", undone, err)
	}
	if left := schemaOf(t, own, keyspace); left["message_ids.message_id"] == "" {
		t.Errorf("left is %v", left)
	}
}
