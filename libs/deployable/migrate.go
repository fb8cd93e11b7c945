package deployable

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/schema"
)

// Migrate is the command of a service's program that changes its schema without running the service. engine is what has the schema, as usage says it.
func Migrate(engine string, open func(environ []string) (schema.Migrations, error)) Command {
	return Command{
		Name: "migrate",
		Usage: []Usage{
			{Line: "migrate status", Does: "list the steps of the schema of " + engine + ", and when each was made; fail where one is missing; it changes nothing"},
			{Line: "migrate up", Does: "make those that are missing"},
			{Line: "migrate down", Does: "print what would undo the newest, and fail: nothing is undone"},
			{Line: "migrate down --yes", Does: "undo the newest, with all data that only it has room for"},
		},
		Run: func(ctx context.Context, args []string, stdout io.Writer) error {
			step, known := map[string]func(ctx context.Context, of schema.Migrations, stdout io.Writer) error{
				"status": migrateStatus, "up": migrateUp, "down": previewDown, "down --yes": migrateDown,
			}[strings.Join(args, " ")]
			if !known {
				return UsageError(fmt.Sprintf("migrate does not know %q; it takes up, down, down --yes or status", strings.Join(args, " ")))
			}
			migrations, err := open(os.Environ())
			if err != nil {
				return err
			}
			return step(ctx, migrations, stdout)
		},
	}
}

// Part reads into cfg what the environment says about the settings whose names begin with prefix. It may say anything of the others, and may lack them.
func Part(environ []string, prefix string, cfg any) error {
	found, err := config.Survey(environ, cfg)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if faults := slices.Concat(found.Missing.Under(prefix), found.Malformed.Under(prefix), found.Unread.Under(prefix)); len(faults) > 0 {
		return faults
	}
	return nil
}

func migrateStatus(ctx context.Context, of schema.Migrations, stdout io.Writer) error {
	all, err := of.List(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "STEP\tNAME\tAPPLIED")
	for _, step := range all {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\n", step.Number, nameOf(step), appliedOf(step))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if pending := schema.Pending(all); len(pending) > 0 {
		return fmt.Errorf("the schema lacks %d steps: migrate up makes them", len(pending))
	}
	return nil
}

func nameOf(step schema.Step) string {
	if step.Known {
		return step.Name
	}
	return strings.TrimSpace(step.Name + " (not one of this version's)")
}

func appliedOf(step schema.Step) string {
	switch {
	case !step.Applied:
		return "pending"
	case step.At.IsZero():
		return "at a time that is not recorded"
	default:
		return step.At.UTC().Format("2006-01-02 15:04:05 UTC")
	}
}

func migrateUp(ctx context.Context, of schema.Migrations, stdout io.Writer) error {
	made, err := of.Up(ctx)
	for _, name := range made {
		_, _ = fmt.Fprintln(stdout, "made", name)
	}
	if err == nil && len(made) == 0 {
		_, _ = fmt.Fprintln(stdout, "nothing is pending")
	}
	return err
}

func previewDown(ctx context.Context, of schema.Migrations, stdout io.Writer) error {
	name, undo, err := of.Newest(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "-- This would undo %s, and destroy what only it has room for:\n%s", name, undo)
	return fmt.Errorf("%s was not undone: for that it is migrate down --yes, after a backup, and when nothing runs any more that needs it", name)
}

func migrateDown(ctx context.Context, of schema.Migrations, stdout io.Writer) error {
	undone, err := of.Down(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(stdout, "undone", undone)
	return nil
}
