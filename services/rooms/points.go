package rooms

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
)

// pointIn gives the point of the list that a query's cursor stands for; nil where the query has none. The error is the problem invalid-cursor.
func pointIn(given httpapi.Args, list paging.List) ([]byte, error) {
	cursor, ok := given("cursor")
	if !ok {
		return nil, nil
	}
	point, ok := list.Point(cursor)
	if !ok {
		return nil, invalidCursor()
	}
	return point, nil
}

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
