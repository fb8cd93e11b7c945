// Package checks gives what `ism doctor` checks of rooms: its database.
package checks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

// Part is the check of the database, its migrations and the role.
func Part(cfg postgres.Config, migrates postgres.Migrate, found config.Findings) examine.Part {
	look := func(ctx context.Context, n *examine.Notes) { lookAtPostgres(ctx, n, cfg, migrates) }
	return examine.Part{
		Checks:  []examine.Check{{Group: "rooms", Name: "postgres", Look: examine.Configured(found, "ISM_ROOMS_POSTGRES_", "URL", look)}},
		Secrets: secrets(cfg),
	}
}

func lookAtPostgres(ctx context.Context, n *examine.Notes, store postgres.Config, migrates postgres.Migrate) {
	cfg, err := pgx.ParseConfig(store.URL.Reveal())
	if err != nil { // its text may have the password
		n.Add(examine.Fault, "ISM_ROOMS_POSTGRES_URL is no Postgres address", "set postgres://user:password@host:port/database")
		return
	}
	where := fmt.Sprintf("%s:%d", cfg.Host, cfg.Port)
	connection, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		n.Add(examine.Fault, where+": "+explainPostgres(err), adviceForPostgres(err, cfg))
		return
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing was written
	n.OK("%s, database %s is reached as %s", where, cfg.Database, cfg.User)
	lookAtMigrations(ctx, n, connection, migrates)
	lookAtRole(ctx, n, connection)
}

func explainPostgres(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%s (%s)", refused.Message, refused.Code)
	}
	if _, unreached := errors.AsType[*pgconn.ConnectError](err); unreached {
		if cause := errors.Unwrap(err); cause != nil {
			return examine.Explain(cause)
		}
	}
	return examine.Explain(err)
}

func adviceForPostgres(err error, cfg *pgx.ConnConfig) string {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return "start Postgres, or correct host and port in ISM_ROOMS_POSTGRES_URL"
	}
	switch refused.Code {
	case "28P01", "28000":
		return fmt.Sprintf("correct the password in ISM_ROOMS_POSTGRES_URL, or the role's: ALTER ROLE %s PASSWORD '…'. In the compose stack passwords are only set when the data directory is made", pgx.Identifier{cfg.User}.Sanitize())
	case "3D000":
		return fmt.Sprintf("make the database: CREATE DATABASE %s OWNER %s", pgx.Identifier{cfg.Database}.Sanitize(), pgx.Identifier{cfg.User}.Sanitize())
	case "53300":
		return "raise max_connections, or lower ISM_ROOMS_POSTGRES_POOL_SIZE"
	default:
		return "see the log of Postgres"
	}
}

func lookAtMigrations(ctx context.Context, n *examine.Notes, connection *pgx.Conn, migrates postgres.Migrate) {
	pending, err := postgres.PendingMigrations(ctx, connection)
	switch {
	case err != nil:
		n.AddAs("migrations", examine.Fault, explainPostgres(err), "let the role read the tables of its database")
	case len(pending) == 0:
		n.AddAs("migrations", examine.OK, "complete", "")
	case migrates == postgres.MigrateAuto:
		n.AddAs("migrations", examine.Fault, "missing: "+strings.Join(pending, ", "), "start rooms, which makes them, and look at its log: the role must own the schema")
	default:
		n.AddAs("migrations", examine.Fault, "missing: "+strings.Join(pending, ", ")+", and ISM_ROOMS_MIGRATE is "+string(migrates), "run rooms migrate up as a role that owns the schema: docs/operations.md, upgrading")
	}
}

const roleQuery = `SELECT rolsuper, rolcreatedb OR rolcreaterole,
	ARRAY(SELECT datname::text FROM pg_database WHERE datdba = r.oid AND datname <> current_database() AND NOT datistemplate ORDER BY datname)
	FROM pg_roles r WHERE rolname = current_user`

// lookAtRole sees whether the role has more rights than rooms needs.
func lookAtRole(ctx context.Context, n *examine.Notes, connection *pgx.Conn) {
	var super, creates bool
	var others []string
	if err := connection.QueryRow(ctx, roleQuery).Scan(&super, &creates, &others); err != nil {
		n.AddAs("role", examine.NotChecked, explainPostgres(err), "")
		return
	}
	const do = "give rooms a role that owns its own database and nothing else"
	switch {
	case super:
		n.AddAs("role", examine.Warning, "rooms works as a superuser", do)
	case len(others) > 0:
		n.AddAs("role", examine.Warning, "it owns other databases, too: "+strings.Join(others, ", "), do)
	case creates:
		n.AddAs("role", examine.Warning, "it may make databases or roles", do)
	default:
		n.AddAs("role", examine.OK, "owns no other database and is no superuser", "")
	}
}

// secrets are the address, which has the password, and the password, unless it is the user's name.
func secrets(cfg postgres.Config) []string {
	if cfg.URL == "" {
		return nil
	}
	all := []string{cfg.URL.Reveal()}
	if parsed, err := pgx.ParseConfig(cfg.URL.Reveal()); err == nil && parsed.Password != parsed.User {
		all = append(all, parsed.Password)
	}
	return all
}
