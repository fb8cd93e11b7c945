// Package certificatestest makes authorities and certificates for tests.
package certificatestest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
)

// Authority issues certificates.
type Authority struct {
	PEM []byte // its own certificate

	certificate *x509.Certificate
	key         crypto.Signer
}

// Issued is a certificate and its key, in PEM.
type Issued struct{ Certificate, Key []byte }

// NewAuthority makes an authority.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "authority of a test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{PEM: encode("CERTIFICATE", der), certificate: certificate, key: key}
}

// Load is the authority whose certificate and key the files have.
func Load(t testing.TB, certificate, key string) *Authority {
	t.Helper()
	text := read(t, certificate)
	parsed, err := x509.ParseCertificate(decode(t, text))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := x509.ParsePKCS8PrivateKey(decode(t, read(t, key)))
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{PEM: text, certificate: parsed, key: signer.(crypto.Signer)} //nolint:forcetypeassert // every private key of the library is one
}

// Issue makes a certificate of that name, for both ends of a connection, and for loopback and localhost besides. It ends in so long.
func (a *Authority) Issue(t testing.TB, name string, ends time.Duration) Issued {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(ends),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{name, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Issued{encode("CERTIFICATE", der), encode("PRIVATE KEY", private)}
}

// Write puts a certificate, its key and the authority into files of the folder, over those that are there.
func Write(t testing.TB, folder string, issued Issued, authority []byte) certificates.Files {
	t.Helper()
	files := certificates.Files{
		Certificate: filepath.Join(folder, "tls.crt"), Key: filepath.Join(folder, "tls.key"), Authority: filepath.Join(folder, "ca.crt"),
	}
	for path, text := range map[string][]byte{files.Certificate: issued.Certificate, files.Key: issued.Key, files.Authority: authority} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t testing.TB, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block != nil {
		return block.Bytes
	}
	t.Fatal("no PEM")
	return nil
}
