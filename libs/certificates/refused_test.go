package certificates_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
)

// told is what a client learns of a server that does not take its certificate.
func told(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	a, b := net.Pipe()
	accepted, connected := tls.Server(a, server), tls.Client(b, client)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = accepted.HandshakeContext(context.WithoutCancel(t.Context())) // it tells the client
		_, _ = accepted.Write([]byte("x"))
		_ = a.Close()
	}()
	err := connected.HandshakeContext(t.Context())
	if err == nil {
		_, err = connected.Read(make([]byte, 1))
	}
	_ = b.Close()
	<-ended
	return err
}

func TestWhyACertificateIsNotTakenIsKnown(t *testing.T) {
	ours, theirs := certificatestest.NewAuthority(t), certificatestest.NewAuthority(t)
	server := keep(certificatestest.Write(t, t.TempDir(), ours.Issue(t, "server", time.Hour), ours.PEM)).Server()
	of := func(issued certificatestest.Issued) *tls.Config {
		return client(t, certificatestest.Write(t, t.TempDir(), issued, ours.PEM), "localhost")
	}
	for name, c := range map[string]struct {
		client *tls.Config
		want   string
	}{
		"one of another authority": {of(theirs.Issue(t, "client", time.Hour)), "unknown certificate authority"},
		"one whose time is over":   {of(ours.Issue(t, "client", -time.Minute)), "expired certificate"},
		"a good one":               {of(ours.Issue(t, "client", time.Hour)), ""},
	} {
		err := told(t, server, c.client)
		if got := certificates.Refused(err); got != c.want {
			t.Errorf("%s: %q, want %q, of %v", name, got, c.want, err)
		}
		if err == nil {
			continue
		}
		for how, passed := range map[string]error{"wrapped": &url.Error{Op: "Get", URL: "https://x", Err: err}, "as a text": errors.New("no connections: " + err.Error())} {
			if got := certificates.Refused(passed); got != c.want {
				t.Errorf("%s, %s: %q, want %q", name, how, got, c.want)
			}
		}
	}
}

func TestOtherErrorsAreNoRefusal(t *testing.T) {
	for _, err := range []error{
		nil, io.EOF, errors.New("remote error"), errors.New("remote error: tls: handshake failure"), errors.New("remote error: bad certificate"),
		&net.OpError{Op: "read", Err: errors.New("tls: bad certificate")}, errors.New("tls: bad certificate"),
	} {
		if got := certificates.Refused(err); got != "" {
			t.Errorf("%v: %q", err, got)
		}
	}
}
