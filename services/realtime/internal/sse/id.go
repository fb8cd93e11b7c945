package sse

import (
	"errors"
	"strconv"
	"strings"
)

// ID is a position in a user's event stream: a partition of the deliveries and an offset there. It is the id of the event there; to resume
// behind it means to get everything with a greater offset. The offset is -1 before the first record.
type ID struct {
	Partition int32
	Offset    int64
}

// ErrMalformedID says that a text is no [ID].
var ErrMalformedID = errors.New("malformed event id")

// maxIDLength is that of the longest id: ten digits, a hyphen and nineteen digits.
const maxIDLength = 30

// String gives the id as it stands on the wire, for example "7-4711".
func (id ID) String() string { return string(id.append(nil)) }

func (id ID) append(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(id.Partition), 10)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, id.Offset, 10)
}

// ParseID reads an id as [ID.String] writes it, and nothing else. The error is [ErrMalformedID].
func ParseID(text string) (ID, error) {
	if len(text) > maxIDLength {
		return ID{}, ErrMalformedID
	}
	partition, offset, found := strings.Cut(text, "-")
	if !found {
		return ID{}, ErrMalformedID
	}
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return ID{}, ErrMalformedID
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return ID{}, ErrMalformedID
	}
	id := ID{Partition: int32(p), Offset: o}
	if p < 0 || o < -1 || id.String() != text {
		return ID{}, ErrMalformedID
	}
	return id, nil
}
