// Package checks gives what `ism doctor` checks of the Postgres database of a service.
package checks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/postgres"
)

// Part is the check of the database, its migrations and the role.
func Part(schema postgres.Schema, cfg postgres.Config, migrates postgres.Migrate, found config.Findings) examine.Part {
	d := database{schema, cfg, migrates}
	look := examine.Configured(found, d.variable("POSTGRES_"), "URL", d.look)
	return examine.Part{
		Checks:  []examine.Check{{Group: schema.Service, Name: "postgres", Look: look}},
		Secrets: secrets(cfg),
	}
}

// database is what is looked at.
type database struct {
	schema   postgres.Schema
	cfg      postgres.Config
	migrates postgres.Migrate
}

// variable is a setting of the service.
func (d database) variable(name string) string {
	return "ISM_" + strings.ToUpper(d.schema.Service) + "_" + name
}

func (d database) look(ctx context.Context, n *examine.Notes) {
	cfg, err := pgx.ParseConfig(d.cfg.URL.Reveal())
	if err != nil { // its text may have the password
		n.Add(examine.Fault, d.variable("POSTGRES_URL")+" "+postgres.Explain(err), "set postgres://user:password@host:port/database")
		return
	}
	n.Certificates(d.variable("POSTGRES_URL"), d.cfg.Certificates(), time.Now())
	if hosts := postgres.MaybeInPlain(cfg); len(hosts) > 0 {
		n.AddAs("tls", examine.Warning, "connections to "+strings.Join(hosts, ", ")+" may be without TLS", "where others could listen between, set sslmode=verify-full in "+d.variable("POSTGRES_URL"))
	}
	where := fmt.Sprintf("%s:%d", cfg.Host, cfg.Port)
	connection, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		n.Add(examine.Fault, where+": "+explainPostgres(err), d.advice(err, cfg))
		return
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing was written
	n.OK("%s, database %s is reached as %s", where, cfg.Database, cfg.User)
	d.lookAtMigrations(ctx, n, connection)
	d.lookAtRole(ctx, n, connection)
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

func (d database) advice(err error, cfg *pgx.ConnConfig) string {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if certificates.Refused(err) != "" {
		return "see whether the certificate of sslcert in " + d.variable("POSTGRES_URL") + " is good still, and of an authority in the server's ssl_ca_file"
	}
	if !ok {
		return "start Postgres, or correct host and port in " + d.variable("POSTGRES_URL")
	}
	switch refused.Code {
	case "28P01", "28000":
		return fmt.Sprintf("correct the password in %s, or the role's: ALTER ROLE %s PASSWORD '…'. In the compose stack passwords are only set when the data directory is made",
			d.variable("POSTGRES_URL"), pgx.Identifier{cfg.User}.Sanitize())
	case "3D000":
		return fmt.Sprintf("make the database: CREATE DATABASE %s OWNER %s", pgx.Identifier{cfg.Database}.Sanitize(), pgx.Identifier{cfg.User}.Sanitize())
	case "53300":
		return "raise max_connections, or lower " + d.variable("POSTGRES_POOL_SIZE")
	default:
		return "see the log of Postgres"
	}
}

func (d database) lookAtMigrations(ctx context.Context, n *examine.Notes, connection *pgx.Conn) {
	pending, err := d.schema.Pending(ctx, connection)
	switch {
	case err != nil:
		n.AddAs("migrations", examine.Fault, explainPostgres(err), "let the role read the tables of its database")
	case len(pending) == 0:
		n.AddAs("migrations", examine.OK, "complete", "")
	case d.migrates == postgres.MigrateAuto:
		n.AddAs("migrations", examine.Fault, "missing: "+strings.Join(pending, ", "), "start "+d.schema.Service+", which makes them, and look at its log: the role must own the schema")
	default:
		n.AddAs("migrations", examine.Fault, "missing: "+strings.Join(pending, ", ")+", and "+d.variable("MIGRATE")+" is "+string(d.migrates),
			"run "+d.schema.Service+" migrate up as a role that owns the schema: docs/operations.md, upgrading")
	}
}

const roleQuery = `SELECT rolsuper, rolcreatedb OR rolcreaterole,
	ARRAY(SELECT datname::text FROM pg_database WHERE datdba = r.oid AND datname <> current_database() AND NOT datistemplate ORDER BY datname)
	FROM pg_roles r WHERE rolname = current_user`

// lookAtRole sees whether the role has more rights than the service needs.
func (d database) lookAtRole(ctx context.Context, n *examine.Notes, connection *pgx.Conn) {
	var super, creates bool
	var others []string
	if err := connection.QueryRow(ctx, roleQuery).Scan(&super, &creates, &others); err != nil {
		n.AddAs("role", examine.NotChecked, explainPostgres(err), "")
		return
	}
	do := "give " + d.schema.Service + " a role that owns its own database and nothing else"
	switch {
	case super:
		n.AddAs("role", examine.Warning, d.schema.Service+" works as a superuser", do)
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
