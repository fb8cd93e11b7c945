package messages

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/ism-chat/ism/libs/events"
)

// A cursor is the position of the last message of a page: a version byte, the epoch in 4 bytes and the offset in 8, big-endian,
// in URL-safe base64. To clients it is opaque.
const (
	cursorVersion = 1
	cursorLength  = 1 + 4 + 8 // bytes
)

var cursorEncoding = base64.RawURLEncoding.Strict()

func encodeCursor(position events.Position) string {
	raw := append(make([]byte, 0, cursorLength), cursorVersion)
	raw = binary.BigEndian.AppendUint32(raw, uint32(position.Epoch))
	raw = binary.BigEndian.AppendUint64(raw, uint64(position.Offset))
	return cursorEncoding.EncodeToString(raw)
}

func decodeCursor(text string) (events.Position, bool) {
	if len(text) != cursorEncoding.EncodedLen(cursorLength) {
		return events.Position{}, false
	}
	raw, err := cursorEncoding.DecodeString(text)
	if err != nil || len(raw) != cursorLength || raw[0] != cursorVersion {
		return events.Position{}, false
	}
	position := events.Position{
		Epoch:  int32(binary.BigEndian.Uint32(raw[1:5])),
		Offset: int64(binary.BigEndian.Uint64(raw[5:13])),
	}
	return position, position.Epoch >= 0 && position.Offset >= 0
}
