// Package cursor makes the cursors of timelines: positions, signed for one reader of one room.
//
// A cursor says where in a room its reader was. Whoever has it can ask with it for nothing but what its reader may read there: the signature is not what
// keeps timelines apart, memberships do that. It keeps what clients send back what they were given, so that the form of cursors stays ours to change.
//
// All processes of an installation sign with one key, which is in their store, made by the first that needs it.
package cursor

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// ErrInvalid says that a text is no cursor of the reader's in the room.
var ErrInvalid = errors.New("it is no cursor of this reader in this room")

const (
	version  = 2
	position = 1 + 4 + 8 // bytes: the version, the epoch, the offset, big-endian
	mac      = 16        // bytes: HMAC-SHA256, cut as RFC 2104, section 5 allows
	keySize  = sha256.Size
	// KeyName is what the store has the key under.
	KeyName = "cursors"
	// reread is how often the key is read anew because of a cursor that it has not signed: processes that made it at the same time may have
	// begun with two. More often nobody can make the store be asked.
	reread = time.Second
)

var encoding = base64.RawURLEncoding.Strict()

// Keys keeps keys that processes share. SharedKey gives the key of a name: the proposed one, unless there is one.
type Keys interface {
	SharedKey(ctx context.Context, name string, proposed []byte) ([]byte, error)
}

// Reader is whom a cursor is for.
type Reader struct{ Room, User uuid.UUID }

// Signer makes cursors and reads them. It is safe for concurrent use.
type Signer struct {
	keys Keys
	now  func() time.Time

	mu   sync.Mutex
	key  []byte // nil until it has been read
	read time.Time
}

// NewSigner makes a signer whose key is among keys. It is read when it is needed.
func NewSigner(keys Keys) *Signer { return &Signer{keys: keys, now: time.Now} }

// Sign gives the cursor of a reader at a position. Errors are those of the keys.
func (s *Signer) Sign(ctx context.Context, of Reader, at events.Position) (string, error) {
	key, err := s.known(ctx)
	if err != nil {
		return "", err
	}
	raw := append(make([]byte, 0, position+mac), version)
	raw = binary.BigEndian.AppendUint32(raw, uint32(at.Epoch))
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.Offset))
	return encoding.EncodeToString(append(raw, signature(key, of, raw)...)), nil
}

// Verify gives the position of a reader's cursor. Errors: [ErrInvalid], and those of the keys.
func (s *Signer) Verify(ctx context.Context, of Reader, cursor string) (events.Position, error) {
	if len(cursor) != encoding.EncodedLen(position+mac) {
		return events.Position{}, ErrInvalid
	}
	raw, err := encoding.DecodeString(cursor)
	if err != nil || len(raw) != position+mac || raw[0] != version {
		return events.Position{}, ErrInvalid
	}
	signed, given := raw[:position], raw[position:]
	key, err := s.known(ctx)
	if err == nil && !hmac.Equal(signature(key, of, signed), given) {
		key, err = s.readAgain(ctx)
	}
	switch {
	case err != nil:
		return events.Position{}, err
	case !hmac.Equal(signature(key, of, signed), given):
		return events.Position{}, ErrInvalid
	}
	return events.Position{
		Epoch:  int32(binary.BigEndian.Uint32(signed[1:5])),
		Offset: int64(binary.BigEndian.Uint64(signed[5:])),
	}, nil
}

func signature(key []byte, of Reader, signed []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(signed)
	h.Write(of.Room[:])
	h.Write(of.User[:])
	return h.Sum(nil)[:mac]
}

func (s *Signer) known(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	if key != nil {
		return key, nil
	}
	return s.load(ctx)
}

// readAgain gives the key, read anew if that has not been done lately.
func (s *Signer) readAgain(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	key, lately := s.key, s.now().Sub(s.read) < reread
	if !lately {
		s.read = s.now()
	}
	s.mu.Unlock()
	if lately {
		return key, nil
	}
	return s.load(ctx)
}

func (s *Signer) load(ctx context.Context) ([]byte, error) {
	proposed := make([]byte, keySize)
	_, _ = rand.Read(proposed) // it never fails
	key, err := s.keys.SharedKey(ctx, KeyName, proposed)
	if err != nil {
		return nil, fmt.Errorf("read the key of cursors: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.read = key, s.now()
	return key, nil
}
