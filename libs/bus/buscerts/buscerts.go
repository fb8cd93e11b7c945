// Package buscerts puts the certificates of a test's authority into files, as brokers and clients of theirs take them.
package buscerts

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates/certificatestest"
)

// Authority signs certificates.
type Authority struct {
	CAFile string // its own certificate, PEM

	dir    string
	issuer *certificatestest.Authority
}

// Pair is a certificate with its key, each in a file in PEM, and both in one, as a broker takes them.
type Pair struct{ CertFile, KeyFile, BothFile string }

// New makes an authority, whose files go with the test.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir(), issuer: certificatestest.NewAuthority(t)}
	a.CAFile = a.write(t, "ca.pem", a.issuer.PEM)
	return a
}

// Issue makes a certificate for a name, which is good at 127.0.0.1 and localhost, until the given time.
func (a *Authority) Issue(t testing.TB, name string, until time.Time) Pair {
	t.Helper()
	issued := a.issuer.Issue(t, name, time.Until(until))
	return Pair{
		CertFile: a.write(t, name+".pem", issued.Certificate), KeyFile: a.write(t, name+".key", issued.Key),
		BothFile: a.write(t, name+".both.pem", slices.Concat(issued.Key, issued.Certificate)),
	}
}

func (a *Authority) write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
