package internalapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
)

// connectTimeout is how long a connection may take, with its handshake: one that hangs takes the place of another.
const connectTimeout = 10 * time.Second

// dialer makes connections that show the certificate, and trust the authority, of now.
type dialer struct{ kept *certificates.Kept }

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	config, err := d.kept.Client(host)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it has read
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, network, address) //nolint:wrapcheck // net/http says what it has dialled
}
