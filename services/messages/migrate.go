package messages

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

// Migrate is the command of the service's program that changes the schema without running the service. Of the configuration it needs what is
// about Cassandra.
func Migrate() deployable.Command {
	return deployable.Command{
		Name: "migrate",
		Usage: []deployable.Usage{
			{Line: "migrate status", Does: "list the steps of the schema of Cassandra or ScyllaDB, and when each was made; fail where one is missing; it changes nothing"},
			{Line: "migrate up", Does: "make the keyspace and the steps that are missing"},
			{Line: "migrate down", Does: "print what would undo the newest step, and fail: nothing is undone"},
			{Line: "migrate down --yes", Does: "undo the newest step, with all data that only it has room for"},
		},
		Run: migrate,
	}
}

func migrate(ctx context.Context, args []string, stdout io.Writer) error {
	subcommands := map[string]func(ctx context.Context, schema *cassandra.Migrations, stdout io.Writer) error{
		"status": migrateStatus, "up": migrateUp, "down": previewDown, "down --yes": migrateDown,
	}
	subcommand, known := subcommands[strings.Join(args, " ")]
	if !known {
		return deployable.UsageError(fmt.Sprintf("migrate does not know %q; it takes up, down, down --yes or status", strings.Join(args, " ")))
	}
	cfg, err := cassandraConfig(os.Environ())
	if err != nil {
		return err
	}
	return subcommand(ctx, cassandra.NewMigrations(cfg), stdout)
}

// cassandraConfig is what the environment says about Cassandra. It may say anything else, and may lack all else.
func cassandraConfig(environ []string) (cassandra.Config, error) {
	const prefix = "ISM_MESSAGES_CASSANDRA_"
	var cfg ProgramConfig
	found, err := config.Survey(environ, &cfg)
	if err != nil {
		return cassandra.Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	if faults := slices.Concat(found.Missing.Under(prefix), found.Malformed.Under(prefix), found.Unread.Under(prefix)); len(faults) > 0 {
		return cassandra.Config{}, faults
	}
	return cfg.Messages.Cassandra, nil
}

func migrateStatus(ctx context.Context, schema *cassandra.Migrations, stdout io.Writer) error {
	all, err := schema.List(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "STEP\tNAME\tAPPLIED")
	var pending []string
	for _, step := range all {
		name, applied := step.Name, "pending"
		if !step.Known {
			name += " (not one of this version's)"
		}
		switch {
		case !step.Applied:
			pending = append(pending, fmt.Sprintf("step %d (%s)", step.Number, step.Name))
		case step.At.IsZero():
			applied = "at a time that is not recorded"
		default:
			applied = step.At.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\n", step.Number, name, applied)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if len(pending) > 0 {
		return fmt.Errorf("the schema lacks %s: migrate up makes what is missing", strings.Join(pending, ", "))
	}
	return nil
}

func migrateUp(ctx context.Context, schema *cassandra.Migrations, stdout io.Writer) error {
	made, err := schema.Up(ctx)
	for _, name := range made {
		_, _ = fmt.Fprintln(stdout, "made", name)
	}
	if err == nil && len(made) == 0 {
		_, _ = fmt.Fprintln(stdout, "nothing is pending")
	}
	return err
}

func previewDown(ctx context.Context, schema *cassandra.Migrations, stdout io.Writer) error {
	name, undo, err := schema.Newest(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "-- This would undo %s, and destroy what only it has room for:\n%s", name, undo)
	return fmt.Errorf("%s was not undone: for that it is migrate down --yes, after a backup, and when nothing runs any more that needs it", name)
}

func migrateDown(ctx context.Context, schema *cassandra.Migrations, stdout io.Writer) error {
	undone, err := schema.Down(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(stdout, "undone", undone)
	return nil
}
