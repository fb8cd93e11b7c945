// Package scan asks a scanner for malware about files: ClamAV's clamd, or a webhook of the operator's. It is off unless it is configured.
//
// What no scanner has said to be clean is not: whatever fails, or is not understood, is an error, and is asked again.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
	"github.com/ism-chat/ism/libs/telemetry"
)

// ErrUnavailable says that the scanner was not reached, or that its answer is none. Asking again later may help.
var ErrUnavailable = errors.New("the scanner is not available")

// Config says who scans.
type Config struct {
	URL       string            `envconfig:"URL" desc:"scanner for malware that looks at each upload: tcp://HOST:PORT or unix:///PATH of ClamAV's clamd, or http(s)://… of a webhook; empty: none"`
	Token     config.Secret     `envconfig:"TOKEN" desc:"bearer token that the webhook is sent"`
	TokenFile config.SecretFile `of:"TOKEN"`
}

// Enabled reports whether there is a scanner.
func (c Config) Enabled() bool { return c.URL != "" }

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	at, err := c.parsed()
	switch {
	case err != nil:
		return []config.Fault{{Variable: "URL", Problem: err.Error()}}
	case c.Token != "" && (at == nil || at.Scheme == tcp || at.Scheme == unix):
		return []config.Fault{{Variable: "TOKEN", Problem: "is for a webhook alone; clamd takes none"}}
	}
	return nil
}

const (
	tcp  = "tcp"
	unix = "unix"
)

// parsed gives the address; nil: there is none.
func (c Config) parsed() (*url.URL, error) {
	if !c.Enabled() {
		return nil, nil
	}
	const allowed = "allowed: tcp://HOST:PORT, unix:///PATH, http(s)://HOST/PATH, or nothing"
	at, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("is no address; " + allowed)
	}
	switch at.Scheme {
	case tcp:
		if at.Hostname() == "" || at.Port() == "" || at.Path != "" || at.RawQuery != "" || at.User != nil {
			return nil, errors.New("has no host and port, or more than these; " + allowed)
		}
	case unix:
		if at.Host != "" || at.Path == "" || at.RawQuery != "" {
			return nil, errors.New("has no path, or a host; " + allowed)
		}
	case "http", "https":
		if at.Host == "" || at.Fragment != "" || at.User != nil {
			return nil, errors.New("has no host, or a user or fragment; " + allowed)
		}
	default:
		return nil, fmt.Errorf("has the scheme %q; %s", at.Scheme, allowed)
	}
	return at, nil
}

// File is what is scanned.
type File struct {
	Medium, Room, Uploader uuid.UUID

	Tenant   string
	FileName string // as its uploader named it
	MimeType string // as it was declared
	Size     int64  // bytes
	SHA256   []byte // nil: not known

	Open func(ctx context.Context) (io.ReadCloser, error)
	URL  func(ctx context.Context) (string, error) // where it can be downloaded for a few minutes
}

// Outcome is what a scanner says of a file.
type Outcome int

// The outcomes. The zero value is none.
const (
	Clean    Outcome = iota + 1
	Infected         // with what, the detail says
	TooLarge         // the scanner takes no file of that size, however often it is asked
)

// Verdict is a scanner's answer.
type Verdict struct {
	Outcome Outcome
	Detail  string // the scanner's words, for logs; at most [maxDetail] bytes
}

const maxDetail = 200

func verdict(outcome Outcome, detail string) Verdict {
	return Verdict{Outcome: outcome, Detail: detail[:min(len(detail), maxDetail)]}
}

// engine is a kind of scanner.
type engine interface {
	scan(ctx context.Context, file File) (Verdict, error)
}

// Scanner asks a scanner. It is safe for concurrent use.
type Scanner struct {
	engine  engine
	timeout time.Duration
	metrics *telemetry.Operation
}

// New makes what asks the scanner that is configured, which there must be. The timeout is how long one file may take; clamd's MaxScanTime, 120 s by
// default, belongs below it. It connects to nothing.
func New(cfg Config, timeout time.Duration, tel *telemetry.Telemetry) (*Scanner, error) {
	at, err := cfg.parsed()
	if err != nil {
		return nil, fmt.Errorf("the scanner's address %w", err)
	}
	if at == nil {
		return nil, errors.New("no scanner is configured")
	}
	s := &Scanner{timeout: timeout, metrics: tel.Operations("media_scan", "scans of media for malware").With()}
	switch at.Scheme {
	case tcp:
		s.engine = clamd{network: tcp, address: at.Host}
	case unix:
		s.engine = clamd{network: unix, address: at.Path}
	default:
		s.engine = newWebhook(at.String(), reread.Secret("the scanner's token", cfg.Token, cfg.TokenFile, nil, tel.Log))
	}
	return s, nil
}

// errFound has an infected file measured as a proper answer.
var errFound = errors.New("it is infected, or too large")

// Scan asks about a file. The error is [ErrUnavailable], the file's own, or the context's.
func (s *Scanner) Scan(ctx context.Context, file File) (Verdict, error) {
	end := s.metrics.Begin()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	found, err := s.engine.scan(ctx, file)
	switch {
	case err != nil:
		end(telemetry.Outcome(err))
		return Verdict{}, err
	case found.Outcome != Clean:
		end(telemetry.Outcome(errFound, errFound))
	default:
		end(telemetry.OutcomeOK)
	}
	return found, nil
}

// unavailable is the error of a scanner.
func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
