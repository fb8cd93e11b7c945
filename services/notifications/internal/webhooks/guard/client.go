// Package guard sends webhooks to URLs that others have given, and to nowhere they should not lead.
//
// Addresses are judged when a connection is made, after the name was resolved, so a name that changes what it stands for gains nothing. Redirects are
// not followed, no proxy is used, and of an answer little is read and less is kept.
package guard

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	maxRead    = 16 << 10 // bytes of an answer's body; the connection of one that goes on is closed
	maxKept    = 1 << 10  // bytes of it that are told
	maxHeader  = 16 << 10 // bytes of an answer's header
	userAgent  = "ISM-Webhooks/1"
	idleFor    = 30 * time.Second
	idle       = 200 // connections
	idleOfHost = 20  // as many as an endpoint is sent at once: making one costs more than a webhook
)

// ErrRefused says that a name stands for an address to which no webhooks are sent.
var ErrRefused = errors.New("the address is not allowed")

// Client sends webhooks.
type Client struct {
	http      *http.Client
	transport *http.Transport
	timeout   time.Duration
}

// Option changes how a client connects, for tests.
type Option func(*net.Dialer, *http.Transport)

// WithResolver has names resolved by another one than the system's.
func WithResolver(resolver *net.Resolver) Option {
	return func(dialer *net.Dialer, _ *http.Transport) { dialer.Resolver = resolver }
}

// WithTLS has receivers' certificates verified by other authorities than the system's.
func WithTLS(config *tls.Config) Option {
	return func(_ *net.Dialer, transport *http.Transport) { transport.TLSClientConfig = config }
}

// New makes a client that gives each webhook so much time, from resolving the name to the answer's end.
func New(policy Policy, timeout time.Duration, options ...Option) *Client {
	dialer := &net.Dialer{ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		return policy.check(network, address)
	}}
	transport := &http.Transport{
		Proxy:                  nil, // one could be told to connect anywhere
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true, // what is read would be bounded before it is decompressed
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    idleOfHost,
		IdleConnTimeout:        idleFor,
	}
	for _, option := range options {
		option(dialer, transport)
	}
	return &Client{transport: transport, timeout: timeout, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// check is asked for each address before it is connected to.
func (p Policy) check(network, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !p.Allows(to.Addr()) {
		return fmt.Errorf("%w: %s", ErrRefused, address)
	}
	return nil
}

// Close closes the connections that wait for more to send.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Answer is what a receiver has answered.
type Answer struct {
	Status int
	Header http.Header
	Body   string // its beginning
}

// Post sends a body. An answer of whatever status is no error, also where its body does not end.
func (c *Client) Post(ctx context.Context, url string, header http.Header, body []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("make the request: %w", err)
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", userAgent)
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err //nolint:wrapcheck // it says what was being done
	}
	defer response.Body.Close()
	read, _ := io.ReadAll(io.LimitReader(response.Body, maxRead)) // the status says all that counts
	return Answer{Status: response.StatusCode, Header: response.Header, Body: head(read)}, nil
}

// head is the beginning of a body, as text that any store takes.
func head(body []byte) string {
	body = body[:min(len(body), maxKept)]
	for n := 0; n < utf8.UTFMax && len(body) > 0 && !utf8.Valid(body); n++ { // it may be cut inside of a character
		if r, _ := utf8.DecodeLastRune(body); r != utf8.RuneError {
			break
		}
		body = body[:len(body)-1]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(body), "�"), "\x00", "�")
}
