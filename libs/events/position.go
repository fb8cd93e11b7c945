package events

import (
	"cmp"
	"errors"
	"math"
	"strconv"
)

// Position is where a record stands in its room's log: the offset that Kafka gave it, in an epoch of the log. A log that had to be
// rebuilt with offsets from 0 begins a new epoch, and all of a newer epoch comes after all of an older one.
type Position struct {
	Epoch  int32
	Offset int64
}

var (
	// StartOfLog comes before every position.
	StartOfLog = Position{Epoch: -1, Offset: -1}
	// EndOfLog comes after every position.
	EndOfLog = Position{Epoch: math.MaxInt32, Offset: math.MaxInt64}
)

// ErrNoPosition says that a text is none that [Position.String] gives.
var ErrNoPosition = errors.New("it is no position")

// Compare is negative where p comes before q, zero where they are the same, positive where p comes after q.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Offset, q.Offset))
}

// Next is the first position after p. The last offset that there can be, which a stranger's text may name, is followed by the next epoch, and
// [EndOfLog] by itself.
func (p Position) Next() Position {
	switch {
	case p == EndOfLog:
		return p
	case p.Offset == math.MaxInt64:
		return Position{Epoch: p.Epoch + 1}
	}
	return Position{Epoch: p.Epoch, Offset: p.Offset + 1}
}

// String is the position as clients see it, to whom it is opaque: for epoch and offset each one character that says how many hexadecimal digits
// follow, and the digits. So the order of texts is the order of positions. What comes before every position is the empty text.
func (p Position) String() string {
	if p.Epoch < 0 || p.Offset < 0 {
		return ""
	}
	text := appendNumber(make([]byte, 0, 1+8+1+16), uint64(p.Epoch))
	return string(appendNumber(text, uint64(p.Offset)))
}

// lengths has at n-1 the character that says that n digits follow.
const lengths = "123456789abcdefg"

func appendNumber(dst []byte, n uint64) []byte {
	digits := strconv.AppendUint(nil, n, 16)
	return append(append(dst, lengths[len(digits)-1]), digits...)
}

// ParsePosition reads what [Position.String] gives. Errors: [ErrNoPosition].
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return StartOfLog, nil
	}
	epoch, rest, ok := cutNumber(text)
	if !ok || epoch > math.MaxInt32 {
		return Position{}, ErrNoPosition
	}
	offset, rest, ok := cutNumber(rest)
	if !ok || offset > math.MaxInt64 || rest != "" {
		return Position{}, ErrNoPosition
	}
	return Position{Epoch: int32(epoch), Offset: int64(offset)}, nil
}

// cutNumber reads a number as appendNumber writes it, and gives what follows.
func cutNumber(text string) (n uint64, rest string, ok bool) {
	if text == "" {
		return 0, "", false
	}
	length := 0
	for i := range len(lengths) {
		if lengths[i] == text[0] {
			length = i + 1
		}
	}
	if length == 0 || len(text) < 1+length {
		return 0, "", false
	}
	digits := text[1 : 1+length]
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, text[1+length:], err == nil && string(appendNumber(nil, n)) == text[:1+length]
}

// HeaderEpoch is the epoch of the log that a record was written to, decimal. Whoever reads the record knows its offset, and by both its position.
const HeaderEpoch = "ism_epoch"

// PositionOf is the position of a record of a room's log, where its writer has said the epoch.
func PositionOf(headers map[string]string, offset int64) (Position, bool) {
	epoch, err := strconv.ParseInt(headers[HeaderEpoch], 10, 32)
	if err != nil || epoch < 0 || offset < 0 {
		return Position{}, false
	}
	return Position{Epoch: int32(epoch), Offset: offset}, true
}

// WithEpoch puts the epoch of the log that a record is written to into its headers.
func WithEpoch(headers map[string]string, epoch int32) {
	headers[HeaderEpoch] = strconv.FormatInt(int64(epoch), 10)
}
