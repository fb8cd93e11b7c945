// Package vapid has the keys by which push services know this installation (RFC 8292).
package vapid

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ism-chat/ism/services/notifications/store"
)

// What is wrong with a pair of keys.
var (
	ErrPrivate = errors.New("is no private key of P-256, base64url of 32 bytes")
	ErrPublic  = errors.New("is not the public key to the private one, base64url of 65 bytes")
)

// Check says what is wrong with a pair of keys. Errors: [ErrPrivate], [ErrPublic].
func Check(keys store.VAPIDKeys) error {
	secret, err := Decode(keys.Private)
	if err != nil {
		return ErrPrivate
	}
	private, err := ecdh.P256().NewPrivateKey(secret)
	if err != nil {
		return ErrPrivate
	}
	public, err := Decode(keys.Public)
	if err != nil || !bytes.Equal(public, private.PublicKey().Bytes()) {
		return ErrPublic
	}
	return nil
}

// Decode reads base64url, or base64, with padding or without: browsers and tools differ.
func Decode(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text) //nolint:wrapcheck // the caller says what it is
}

// New makes a pair of keys.
func New() (store.VAPIDKeys, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return store.VAPIDKeys{}, fmt.Errorf("make VAPID keys: %w", err)
	}
	return store.VAPIDKeys{
		Public:  base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()),
		Private: base64.RawURLEncoding.EncodeToString(private.Bytes()),
	}, nil
}

// Keeper keeps the keys of an installation.
type Keeper interface {
	VAPIDKeys(ctx context.Context, fresh store.VAPIDKeys) (store.VAPIDKeys, error)
}

// Keys gives the keys: those that are given, or those that the first process has made. It is safe for concurrent use.
type Keys struct {
	keeper Keeper

	mu   sync.Mutex
	keys store.VAPIDKeys // empty: not known yet
}

// NewKeys gives these keys, or, where they are empty, those that are kept.
func NewKeys(given store.VAPIDKeys, keeper Keeper) *Keys { return &Keys{keeper: keeper, keys: given} }

// Get gives the keys. The error is the store's.
func (k *Keys) Get(ctx context.Context) (store.VAPIDKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys.Public != "" {
		return k.keys, nil
	}
	fresh, err := New()
	if err != nil {
		return store.VAPIDKeys{}, err
	}
	kept, err := k.keeper.VAPIDKeys(ctx, fresh)
	if err != nil {
		return store.VAPIDKeys{}, fmt.Errorf("keep the VAPID keys: %w", err)
	}
	k.keys = kept
	return kept, nil
}
