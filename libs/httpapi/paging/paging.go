// Package paging makes the cursors of lists. A cursor is opaque, and good for one list of one caller: a text that was made up, or given to
// somebody else or for another query, is none.
//
// That is told by a checksum, not by a secret: whoever computes one sees no more than a list that begins elsewhere.
package paging

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"
)

const (
	version   = 1
	sumLength = 12 // bytes
	maxLength = 2048
)

var encoding = base64.RawURLEncoding.Strict()

// List is one list of one caller.
type List struct{ digest [sha256.Size]byte }

// Of gives the list of the name as the caller sees it, with all that the caller asks for.
func Of(name string, caller uuid.UUID, asked ...string) List {
	h := sha256.New()
	for _, text := range append([]string{name, caller.String()}, asked...) {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
		_, _ = h.Write([]byte(text))
	}
	return List{digest: [sha256.Size]byte(h.Sum(nil))}
}

// Cursor is the text for a point of the list.
func (l List) Cursor(point []byte) string {
	raw := append([]byte{version}, l.sum(point)...)
	return encoding.EncodeToString(append(raw, point...))
}

// Point gives the point of a cursor, and whether it is one of this list.
func (l List) Point(cursor string) (point []byte, ok bool) {
	if len(cursor) > maxLength {
		return nil, false
	}
	raw, err := encoding.DecodeString(cursor)
	if err != nil || len(raw) < 1+sumLength || raw[0] != version || encoding.EncodeToString(raw) != cursor { // a line break is passed over
		return nil, false
	}
	point = raw[1+sumLength:]
	return point, bytes.Equal(raw[1:1+sumLength], l.sum(point))
}

func (l List) sum(point []byte) []byte {
	sum := sha256.Sum256(append(l.digest[:], point...))
	return sum[:sumLength]
}
