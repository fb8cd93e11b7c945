package rooms

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
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

// Migrate is the command of the service's program that changes the schema without running the service. Of the configuration it needs what is
// about Postgres.
func Migrate() deployable.Command {
	return deployable.Command{
		Name: "migrate",
		Usage: []deployable.Usage{
			{Line: "migrate status", Does: "list the migrations of Postgres's schema, and when each was applied; it changes nothing"},
			{Line: "migrate up", Does: "apply those that are pending"},
			{Line: "migrate down", Does: "print what would undo the newest, and fail: nothing is undone"},
			{Line: "migrate down --yes", Does: "undo the newest, with all data that only it has room for"},
		},
		Run: migrate,
	}
}

func migrate(ctx context.Context, args []string, stdout io.Writer) error {
	steps := map[string]func(ctx context.Context, schema *postgres.Migrations, stdout io.Writer) error{
		"status": migrateStatus, "up": migrateUp, "down": previewDown, "down --yes": migrateDown,
	}
	step, known := steps[strings.Join(args, " ")]
	if !known {
		return deployable.UsageError(fmt.Sprintf("migrate does not know %q; it takes up, down, down --yes or status", strings.Join(args, " ")))
	}
	cfg, err := postgresConfig(os.Environ())
	if err != nil {
		return err
	}
	schema, err := postgres.NewMigrations(cfg)
	if err != nil {
		return err
	}
	return step(ctx, schema, stdout)
}

// postgresConfig is what the environment says about Postgres. It may say anything else, and may lack all else.
func postgresConfig(environ []string) (postgres.Config, error) {
	const prefix = "ISM_ROOMS_POSTGRES_"
	var cfg ProgramConfig
	found, err := config.Survey(environ, &cfg)
	if err != nil {
		return postgres.Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	if faults := slices.Concat(found.Missing.Under(prefix), found.Malformed.Under(prefix), found.Unread.Under(prefix)); len(faults) > 0 {
		return postgres.Config{}, faults
	}
	return cfg.Rooms.Postgres, nil
}

func migrateStatus(ctx context.Context, schema *postgres.Migrations, stdout io.Writer) error {
	all, err := schema.List(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "VERSION\tNAME\tAPPLIED")
	for _, migration := range all {
		name, applied := migration.Name, "pending"
		if name == "" {
			name = "(not one of this version's)"
		}
		if !migration.Applied.IsZero() {
			applied = migration.Applied.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\n", migration.Version, name, applied)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func migrateUp(ctx context.Context, schema *postgres.Migrations, stdout io.Writer) error {
	applied, err := schema.Up(ctx)
	for _, name := range applied {
		_, _ = fmt.Fprintln(stdout, "applied", name)
	}
	if err == nil && len(applied) == 0 {
		_, _ = fmt.Fprintln(stdout, "nothing is pending")
	}
	return err
}

func previewDown(ctx context.Context, schema *postgres.Migrations, stdout io.Writer) error {
	name, undo, err := schema.Newest(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "-- This would undo %s:\n%s", name, undo)
	return fmt.Errorf("%s was not undone: for that it is migrate down --yes, after a backup, and when nothing runs any more that needs it", name)
}

func migrateDown(ctx context.Context, schema *postgres.Migrations, stdout io.Writer) error {
	undone, err := schema.Down(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(stdout, "undone", undone)
	return nil
}
