package inbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/google/uuid"
)

// ErrInvalidCursor says that a text is no cursor of the user's inbox.
var ErrInvalidCursor = errors.New("it is no cursor of this inbox")

const (
	cursorVersion = 1
	positionEnd   = 1 + 8           // bytes: the version, the position, big-endian
	cursorLength  = positionEnd + 4 // and a sum
)

var encoding = base64.RawURLEncoding.Strict()

// Cursor gives where in a user's inbox a position is, for the user's clients. The sum tells cursors of others and typing errors. It keeps nothing secret:
// with any cursor a user reads its own inbox alone.
func Cursor(user uuid.UUID, position int64) string {
	raw := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(position))
	return encoding.EncodeToString(append(raw, sumOf(user, raw)...))
}

// ParseCursor gives the position of a cursor of the user's: 0 or above. Errors: [ErrInvalidCursor].
func ParseCursor(user uuid.UUID, cursor string) (int64, error) {
	if len(cursor) != encoding.EncodedLen(cursorLength) { // also one with line breaks, which decoding passes over
		return 0, ErrInvalidCursor
	}
	raw, err := encoding.DecodeString(cursor)
	if err != nil || len(raw) != cursorLength || raw[0] != cursorVersion || !slices.Equal(raw[positionEnd:], sumOf(user, raw[:positionEnd])) {
		return 0, ErrInvalidCursor
	}
	position := binary.BigEndian.Uint64(raw[1:positionEnd])
	if position > math.MaxInt64-1 {
		return 0, ErrInvalidCursor
	}
	return int64(position), nil
}

func sumOf(user uuid.UUID, raw []byte) []byte {
	sum := sha256.Sum256(append(slices.Clone(raw), user[:]...))
	return sum[:cursorLength-positionEnd]
}
