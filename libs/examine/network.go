package examine

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/loopback"
)

const maxAnswer = 1 << 20 // bytes of an answer that are read

// Explain says what went wrong with a connection, without the query of an address, which may be signed.
func Explain(err error) string {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	name, unresolved := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	timeout, _ := errors.AsType[net.Error](err)
	refused := certificates.Refused(err)
	switch {
	case unresolved:
		return fmt.Sprintf("the name %s is not known here", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused: nothing listens there"
	case untrusted:
		return "its certificate is not trusted: " + err.Error()
	case refused != "":
		return "it does not take the certificate that it is shown, or is shown none: " + refused
	case noTLS:
		return "it does not speak TLS there"
	case errors.Is(err, context.DeadlineExceeded) || timeout != nil && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET):
		return "the connection was closed without an answer"
	default:
		return err.Error()
	}
}

// Unreachable gives the addresses, host:port, that take no connection, each with the reason.
func Unreachable(ctx context.Context, addresses []string) []string {
	var lost []string
	for _, address := range addresses {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			lost = append(lost, address+": "+Explain(err))
			continue
		}
		_ = connection.Close()
	}
	return lost
}

// NewClient makes a client that follows no redirects and keeps no connections.
func NewClient() *http.Client { return newClient((&net.Dialer{}).DialContext) }

func newClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dial, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Target is the public base URL of the installation.
type Target struct{ *url.URL }

// HostPort is the address that the target is dialled at.
func (t Target) HostPort() string {
	port := t.Port()
	if port == "" && t.Scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(t.Hostname(), cmp.Or(port, "80"))
}

// Fronts reports whether what clients reach at a host is reached through the target instead: a public address on loopback means
// the machine that publishes the gateway, and in a container loopback is the container itself.
func (t Target) Fronts(host string) bool {
	return loopback.Named(host) && !loopback.Named(t.Hostname())
}

// PublicClient is [NewClient] to addresses as clients outside have them.
func (t Target) PublicClient() *http.Client {
	return newClient(func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil && t.Fronts(host) {
			address = t.HostPort()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})
}

// Answer is what a server answered.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Get sends a GET, with the token if there is one.
func Get(ctx context.Context, client *http.Client, address, token string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return Answer{response.StatusCode, response.Header, string(body)}, err
}

// IsProblem reports whether the answer is an error in ISM's form (RFC 9457).
func (a Answer) IsProblem() bool {
	return strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json")
}

// String describes an answer that is not ISM's.
func (a Answer) String() string {
	text := fmt.Sprintf("status %d", a.Status)
	if kind := a.Header.Get("Content-Type"); kind != "" {
		text += ", " + kind
	}
	if server := a.Header.Get("Server"); server != "" {
		text += ", Server: " + server
	}
	return text
}
