package cassandra

import (
	"context"
	"log/slog"

	"github.com/gocql/gocql"
)

// SignIn is how connections sign in.
var SignIn = signIn

// Dialer is how connections by TLS are made.
func Dialer(cfg Config) func(ctx context.Context, address, called string) (*gocql.DialedHost, error) {
	return newDialer(cfg, slog.New(slog.DiscardHandler)).dial
}
