// Package httpapi builds the HTTP servers of every deployable, so that all of them answer alike: problems by RFC 9457, strict
// JSON, one access log, one trace and the four golden signals for each route, limits on everything that a client sends, and
// the same answers to GET /, /health and /ready.
package httpapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under HTTP.
type Config struct {
	Address         string        `envconfig:"ADDRESS" default:":5403" desc:"where the public API listens, host:port"`
	InternalAddress string        `envconfig:"INTERNAL_ADDRESS" default:"127.0.0.1:9403" desc:"where metrics and internal calls listen, host:port; never expose it"`
	PProf           bool          `envconfig:"PPROF" default:"false" desc:"whether profiles are taken at /debug/pprof/ of the internal listener; they show what is in memory"`
	BodyLimit       int           `envconfig:"BODY_LIMIT" default:"262144" desc:"largest request body, bytes"`
	HeaderLimit     int           `envconfig:"HEADER_LIMIT" default:"16384" desc:"largest request header, bytes"`
	ReadTimeout     time.Duration `envconfig:"READ_TIMEOUT" default:"10s" desc:"how long a request may take to arrive"`
	WriteTimeout    time.Duration `envconfig:"WRITE_TIMEOUT" default:"30s" desc:"how long an answer may take to be accepted; streams have their own"`
	HandlerTimeout  time.Duration `envconfig:"HANDLER_TIMEOUT" default:"10s" desc:"deadline of the work for one request"`
	IdleTimeout     time.Duration `envconfig:"IDLE_TIMEOUT" default:"75s" desc:"how long an idle connection is kept"`
	CORSOrigins     []string      `envconfig:"CORS_ORIGINS" desc:"origins that browsers may call from, comma-separated; wildcards are not allowed; the one process with its identity provider for development lets any page on localhost call while this is not set"`
	TraceCallers    []string      `envconfig:"TRACE_CALLERS" desc:"who may call with a trace of its own (traceparent) that is gone on with: addresses or networks (CIDR), comma-separated, as of a gateway; the requests of all others begin traces here, with a link to theirs"`
	// CORSLoopback lets pages call that this machine serves itself, at any port. It is no setting: it belongs to development.
	CORSLoopback bool `ignored:"true"`
}

// Validate says what is wrong beyond the types.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(variable, format string, args ...any) {
		faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
	}
	for variable, address := range map[string]string{"ADDRESS": c.Address, "INTERNAL_ADDRESS": c.InternalAddress} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			fault(variable, "%q is not host:port", address)
		}
	}
	for variable, size := range map[string]int{"BODY_LIMIT": c.BodyLimit, "HEADER_LIMIT": c.HeaderLimit} {
		if size < 1024 {
			fault(variable, "%d is too small; allowed: 1024 bytes or more", size)
		}
	}
	for variable, timeout := range map[string]time.Duration{
		"READ_TIMEOUT": c.ReadTimeout, "WRITE_TIMEOUT": c.WriteTimeout, "HANDLER_TIMEOUT": c.HandlerTimeout, "IDLE_TIMEOUT": c.IdleTimeout,
	} {
		if timeout <= 0 {
			fault(variable, "%s is not more than 0", timeout)
		}
	}
	for _, caller := range c.TraceCallers {
		if _, err := network(caller); err != nil {
			fault("TRACE_CALLERS", "%q is no address or network; allowed: for example 10.1.2.3 or 10.0.0.0/8", caller)
		}
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(origin, "*") {
			fault("CORS_ORIGINS", "%q is no origin; allowed: scheme and host, for example https://app.example.com", origin)
		}
	}
	return faults
}

// Check is one thing that must work for a deployable to be ready.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
}

// Deps is what a server needs of its deployable.
type Deps struct {
	Service   string // name in logs, metrics and spans
	Telemetry *telemetry.Telemetry
	Checks    []Check         // for GET /ready
	Draining  <-chan struct{} // closed when the deployable begins to stop; /ready is 503 from then on
	// Accepts says by its Authorization whether a request to the internal listener is one of another service; nil: all are. Probes and /metrics need none.
	Accepts func(authorization string) bool
	// TLS is that of the internal listener; nil: it has none. With it a request must come with a certificate of the configuration's authority, but for probes
	// and /metrics.
	TLS *tls.Config
}
