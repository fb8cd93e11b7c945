package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

const maxAnswer = 1 << 20 // bytes of an answer that are read

// explain says what went wrong with a connection, without the query of an address, which may be signed.
func explain(err error) string {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	name, unresolved := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	_, outdated := errors.AsType[x509.CertificateInvalidError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case unresolved:
		return fmt.Sprintf("the name %s is not known here", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused: nothing listens there"
	case untrusted || otherName || outdated:
		return "its certificate is not trusted: " + err.Error()
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

// newClient makes a client that follows no redirects, keeps no connections and dials by the given function, or as usual with nil.
func newClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dial, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// hostPort is the address that a URL is dialled at.
func hostPort(at *url.URL) string {
	port := at.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[at.Scheme]
		if port == "" {
			port = "80"
		}
	}
	return net.JoinHostPort(at.Hostname(), port)
}

// isLoopback reports whether a host means the machine, or the container, that asks.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a GET.
func ask(ctx context.Context, client *http.Client, address, token string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}, nil
}

// isProblem reports whether the answer is an error as ISM tells it.
func (a answer) isProblem() bool {
	return strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json")
}

// looks describes an answer that is not ISM's.
func (a answer) looks() string {
	text := fmt.Sprintf("status %d", a.status)
	if kind := a.header.Get("Content-Type"); kind != "" {
		text += ", " + kind
	}
	if server := a.header.Get("Server"); server != "" {
		text += ", Server: " + server
	}
	return text
}
