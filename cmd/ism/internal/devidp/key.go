package devidp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"

	"github.com/MicahParks/jwkset"
)

const (
	keyFile  = "development-signing-key.pem"
	keyBits  = 2048
	keyBlock = "PRIVATE KEY" // PKCS #8
)

// loadKey gives the key in the directory. The first time it makes one.
func loadKey(dir string) (*rsa.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(dir, path); err != nil {
		return nil, fmt.Errorf("create the signing key %s: %w", path, err)
	}
	return readKey(path)
}

func readKey(path string) (*rsa.PrivateKey, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	if about.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s is open to others (mode %04o); allowed: 0600", path, about.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyBlock {
		return nil, fmt.Errorf("the signing key %s is no PEM file with a private key; remove it for a new one", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the signing key %s cannot be parsed; remove it for a new one: %w", path, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < keyBits {
		return nil, fmt.Errorf("the signing key %s is no RSA key of %d bits or more; remove it for a new one", path, keyBits)
	}
	return key, nil
}

// createKey makes a key appear under path at once and whole, or leaves the one that another process has put there.
func createKey(dir, path string) error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, keyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it is a second name of the key by then, or nothing of worth
	err = errors.Join(pem.Encode(file, &pem.Block{Type: keyBlock, Bytes: der}), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	directory, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// thumbprint is the key's id (RFC 7638): the same for the same key, and new for a new one.
func thumbprint(key *rsa.PublicKey) string {
	e, n := big.NewInt(int64(key.E)).Bytes(), key.N.Bytes()
	digest := sha256.Sum256(fmt.Appendf(nil, `{"e":%q,"kty":"RSA","n":%q}`, base64.RawURLEncoding.EncodeToString(e), base64.RawURLEncoding.EncodeToString(n)))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// publish makes the key set document (RFC 7517, section 5).
func publish(key *rsa.PublicKey, id string) (json.RawMessage, error) {
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.AlgRS256, KID: id, USE: jwkset.UseSig},
	})
	if err != nil {
		return nil, err
	}
	set := jwkset.NewMemoryStorage()
	if err := set.KeyWrite(context.Background(), jwk); err != nil {
		return nil, err
	}
	return set.JSONPublic(context.Background())
}
