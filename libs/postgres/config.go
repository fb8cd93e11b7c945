package postgres

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
)

// Config says where the database is and how it is used.
type Config struct {
	URL              config.Secret     `envconfig:"URL" required:"true" desc:"the database, for example postgres://user:password@localhost:5432/database"`
	URLFile          config.SecretFile `of:"URL"`
	PoolSize         int32             `envconfig:"POOL_SIZE" default:"10" desc:"most connections for requests; what waits for work to do has one or two more"`
	StatementTimeout time.Duration     `envconfig:"STATEMENT_TIMEOUT" default:"3s" desc:"deadline of one statement, in the client and in the server"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.URL != "" {
		if _, err := pgx.ParseConfig(c.URL.Reveal()); err != nil {
			faults = append(faults, config.Fault{
				Variable: "URL", Problem: "is no Postgres address; allowed: postgres://user:password@host:port/database",
			})
		}
	}
	if c.PoolSize < 1 {
		faults = append(faults, config.Fault{Variable: "POOL_SIZE", Problem: fmt.Sprintf("%d is too small; allowed: 1 or above", c.PoolSize)})
	}
	if c.StatementTimeout < time.Millisecond {
		faults = append(faults, config.Fault{Variable: "STATEMENT_TIMEOUT", Problem: fmt.Sprintf("%s is too short; allowed: 1ms or above", c.StatementTimeout)})
	}
	return faults
}

// login is the user and the password that the address has by now, where a file has it; nothing else of it counts any more: connections that are there
// and new ones are of one database. A file that cannot be used, as while it is replaced, changes nothing, which the error says.
func (c Config) login(conn *pgx.ConnConfig) error {
	if c.URLFile == "" {
		return nil
	}
	now, err := c.URLFile.Read(c.URL)
	if err != nil {
		return fmt.Errorf("read the address of the database again: %w", err)
	}
	read, err := pgx.ParseConfig(now.Reveal())
	if err != nil {
		return errors.New("what the file of the database's address has by now is no Postgres address")
	}
	conn.User, conn.Password = read.User, read.Password
	return nil
}

// connection is how connections are made. The address stands in no error: it may have a password.
func (c Config) connection(service string) (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(c.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address of the " + service + " store is no Postgres address")
	}
	conn.ConnectTimeout = connectTimeout
	conn.RuntimeParams["application_name"] = "ism-" + service
	return conn, nil
}
