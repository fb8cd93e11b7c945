package rooms

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// timePoint is a point of a list that is in the order of times, and of ids where those are the same.
func timePoint(at time.Time, id uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), id[:]...)
}

func timePointOf(point []byte) (at time.Time, id uuid.UUID, ok bool) {
	if len(point) != 8+len(id) {
		return time.Time{}, uuid.Nil, false
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(point))).UTC(), uuid.UUID(point[8:]), true
}
