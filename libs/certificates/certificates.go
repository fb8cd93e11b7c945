// Package certificates gives what both ends of a TLS connection show and trust, from PEM files that are renewed while programs run: connections that are made
// later use what the files have by then, those that are open stay.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
)

// Files are PEM files, each "" where there is none. A certificate and its key go together.
type Files struct {
	Certificate string // and those between it and its authority's, behind it
	Key         string
	Authority   string // the certificates of those who vouch for the other end; "": the system's
}

// Variables are the settings that name the files.
type Variables struct{ Certificate, Key, Authority string }

// Faults says what is wrong with the files, by the settings that name them.
func (f Files) Faults(by Variables) []config.Fault {
	var faults []config.Fault
	if _, err := f.authority(); err != nil {
		faults = append(faults, config.Fault{Variable: by.Authority, Problem: "cannot be used: " + err.Error()})
	}
	switch _, err := f.pair(); {
	case f.Certificate != "" && f.Key == "":
		faults = append(faults, config.Fault{Variable: by.Key, Problem: "is missing, though the certificate is set: set both or none"})
	case f.Certificate == "" && f.Key != "":
		faults = append(faults, config.Fault{Variable: by.Certificate, Problem: "is missing, though the key is set: set both or none"})
	case err != nil:
		faults = append(faults, config.Fault{Variable: by.Certificate, Problem: "cannot be used with the key: " + err.Error()})
	}
	return faults
}

// Ends is when a certificate is valid no more.
type Ends struct {
	File string
	Name string // of whom it is
	At   time.Time
}

// Ends gives when each certificate in the files ends.
func (f Files) Ends() ([]Ends, error) {
	var all []Ends
	for _, file := range []string{f.Certificate, f.Authority} {
		if file == "" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		parsed, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read a certificate of %s: %w", file, err)
		}
		for _, certificate := range parsed {
			all = append(all, Ends{File: file, Name: certificate.Subject.String(), At: certificate.NotAfter})
		}
	}
	return all, nil
}

// Parse gives the certificates in a text in PEM, and passes over what else is in it, as keys.
func Parse(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, certificate)
	}
	return all, nil
}

// read is what the files have.
type read struct {
	whole     bool             // they have been read
	pair      *tls.Certificate // nil: none
	authority *x509.CertPool   // nil: the system's
}

func (f Files) read() (now read, err error) {
	if now.authority, err = f.authority(); err != nil {
		return read{}, err
	}
	if now.pair, err = f.pair(); err != nil {
		return read{}, err
	}
	now.whole = true
	return now, nil
}

func (f Files) authority() (*x509.CertPool, error) {
	if f.Authority == "" {
		return nil, nil //nolint:nilnil // crypto/tls takes the system's then
	}
	text, err := os.ReadFile(f.Authority)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", f.Authority)
	}
	return pool, nil
}

func (f Files) pair() (*tls.Certificate, error) {
	if f.Certificate == "" || f.Key == "" {
		return nil, nil //nolint:nilnil // none is shown then
	}
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	return &pair, err
}

// Kept are files as they are by now. It is safe for concurrent use.
type Kept struct {
	files Files
	now   *reread.Value[read]
}

// Keep makes what the log calls what. The files are read when a connection is made.
func Keep(what string, files Files, log *slog.Logger) *Kept {
	return &Kept{files, reread.New(what, read{}, func(read) (read, error) { return files.read() }, log)}
}

// read is what counts by now: what the files have, or what they had when they could be read. It fails where that was never so.
func (k *Kept) read() (read, error) {
	if now := k.now.Now(); now.whole {
		return now, nil
	}
	now, err := k.files.read()
	if err != nil {
		return read{}, fmt.Errorf("read certificates: %w", err)
	}
	return now, nil
}

// Client is for one connection, to a server of that name; "": the caller sets it. It is not to be kept: it has what the files have now.
func (k *Kept) Client(serverName string) (*tls.Config, error) {
	now, err := k.read()
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName, RootCAs: now.authority}
	if now.pair != nil {
		cfg.Certificates = []tls.Certificate{*now.pair}
	}
	return cfg, nil
}

// Server is for a listener, with a certificate, a key and an authority. Clients may show a certificate, and one that is not of the authority's ends the connection.
func (k *Kept) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now, err := k.read()
		switch {
		case err != nil:
			return nil, err
		case now.pair == nil || now.authority == nil:
			return nil, errors.New("a listener needs a certificate and an authority")
		}
		return &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*now.pair}, ClientCAs: now.authority, ClientAuth: tls.VerifyClientCertIfGiven,
			SessionTicketsDisabled: true, // what a client has shown is judged by the authority of now
		}, nil
	}}
}
