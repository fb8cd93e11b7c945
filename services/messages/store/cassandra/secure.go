package cassandra

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/gocql/gocql"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/reread"
)

// signIn gives each connection the password as its file has it by then.
func signIn(cfg Config, log *slog.Logger) func(*gocql.HostInfo) (gocql.Authenticator, error) {
	password := reread.Secret("the password of the message store", cfg.Password, cfg.PasswordFile, nil, log)
	return func(*gocql.HostInfo) (gocql.Authenticator, error) {
		return gocql.PasswordAuthenticator{Username: cfg.Username, Password: password.Now().Reveal()}, nil
	}
}

// dialer connects to nodes by TLS. The driver's own reads the files once for all connections.
type dialer struct {
	net  net.Dialer
	tls  *certificates.Kept
	name string // that the certificates of all nodes have; "": each has its own
}

var _ gocql.HostDialer = (*dialer)(nil)

func newDialer(cfg Config, log *slog.Logger) *dialer {
	return &dialer{
		net: net.Dialer{Timeout: connectTimeout}, tls: certificates.Keep("the message store's certificates", cfg.Certificates(), log), name: cfg.ServerName,
	}
}

// DialHost implements [gocql.HostDialer].
func (d *dialer) DialHost(ctx context.Context, host *gocql.HostInfo) (*gocql.DialedHost, error) {
	return d.dial(ctx, host.ConnectAddressAndPort(), host.HostnameAndPort())
}

// dial connects to the address, of a node that is called so.
func (d *dialer) dial(ctx context.Context, address, called string) (*gocql.DialedHost, error) {
	config, err := d.tls.Client(d.name)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it has read
	}
	connection, err := d.net.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("reach node: %w", err)
	}
	// It closes the connection where the node is not to be trusted, and asks for what the node is called where no name is given for all.
	secured, err := gocql.WrapTLS(ctx, connection, called, config)
	if err != nil {
		return nil, fmt.Errorf("agree on TLS with node: %w", err)
	}
	return secured, nil
}
