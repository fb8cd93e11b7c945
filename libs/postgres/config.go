package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/loopback"
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
			faults = append(faults, config.Fault{Variable: "URL", Problem: Explain(err)})
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

// Explain says what is wrong with an address. Of the parser's errors only those on TLS are told: they name files, and the others may quote a password.
func Explain(err error) string {
	const tls = "failed to configure TLS"
	if parse, ok := errors.AsType[*pgconn.ParseConfigError](err); ok && strings.Contains(parse.Error(), tls) {
		if cause := errors.Unwrap(parse); cause != nil {
			return "sslmode, sslrootcert, sslcert and sslkey in it cannot be used: " + cause.Error()
		}
	}
	return "is no Postgres address; allowed: postgres://user:password@host:port/database"
}

// Certificates are the files that the address names, where it is a URL.
func (c Config) Certificates() certificates.Files {
	address, err := url.Parse(c.URL.Reveal())
	if err != nil {
		return certificates.Files{}
	}
	named := address.Query()
	files := certificates.Files{Certificate: named.Get("sslcert"), Key: named.Get("sslkey"), Authority: named.Get("sslrootcert")}
	if files.Authority == "system" {
		files.Authority = ""
	}
	return files
}

// MaybeInPlain gives the hosts on other machines to which connections are made without TLS where TLS cannot be had, and nobody has said so: as with
// sslmode=allow, prefer, or none, which is prefer. Whoever writes sslmode=disable has said it.
func MaybeInPlain(conn *pgx.ConnConfig) []string {
	var secured, plain []string
	look := func(host string, tls bool) {
		switch {
		case tls:
			secured = append(secured, host)
		case !isHere(host) && !slices.Contains(plain, host):
			plain = append(plain, host)
		}
	}
	look(conn.Host, conn.TLSConfig != nil)
	for _, fallback := range conn.Fallbacks {
		look(fallback.Host, fallback.TLSConfig != nil)
	}
	return slices.DeleteFunc(plain, func(host string) bool { return !slices.Contains(secured, host) })
}

// isHere reports whether a host is this machine: by its loopback, or by the folder of a socket.
func isHere(host string) bool {
	return strings.HasPrefix(host, "/") || loopback.Named(host)
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

// secured has a connection that is to be made show and trust what the files that the address names have by now. Which files those are, and all else of the
// address, is as it was at the start.
func (c Config) secured() (*pgx.ConnConfig, error) {
	read, err := pgx.ParseConfig(c.URL.Reveal())
	if err != nil {
		return nil, errors.New(Explain(err))
	}
	return read, nil
}

// connection is how connections are made. The address stands in no error: it may have a password.
func (c Config) connection(service string) (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(c.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address of the " + service + " store: " + Explain(err))
	}
	conn.ConnectTimeout = connectTimeout
	conn.RuntimeParams["application_name"] = "ism-" + service
	return conn, nil
}
