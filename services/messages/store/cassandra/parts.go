package cassandra

import (
	"context"
	"math"
	"slices"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

const (
	// maxJoined is how many pieces that lie in the same slots are read as one part.
	maxJoined = 32
	// rowsFetched is how many rows of room_places are fetched at once. A page needs those of one span or two.
	rowsFetched = 64
)

const (
	selectPositions = `
SELECT epoch, span, bucket FROM room_places
WHERE room_id = ? AND (epoch, span) >= (?, ?) AND (epoch, span) <= (?, ?)`
	selectPositionsUp = selectPositions + ` ORDER BY epoch, span, bucket`
)

// part is a piece of a timeline whose positions all lie in the same slots, buckets and slices of them: the offsets from (inclusive) to before
// (exclusive) of an epoch.
type part struct {
	epoch        int32
	from, before int64
	slots        []int
}

// in is what the range has of the part.
func (p part) in(within store.Range) part {
	if p.epoch == within.From.Epoch {
		p.from = max(p.from, within.From.Offset)
	}
	if p.epoch == within.Before.Epoch {
		p.before = min(p.before, within.Before.Offset)
	}
	return p
}

// parts walks a range of a room's timeline part by part: downwards, or upwards where its oldest messages are wanted.
type parts struct {
	rows   *gocql.Iter
	within store.Range
	bucket int // the highest that has anything of the range

	row    span // the row of room_places that has been read ahead, as a span of one slot
	hasRow bool
	ahead  []part // the pieces of the span that has been read ahead
}

// span is 2^20 offsets of an epoch, and the slots that hold the room's positions in them.
type span struct {
	epoch  int32
	number int64
	slots  []int
}

func (s span) is(other span) bool { return s.epoch == other.epoch && s.number == other.number }

// end is the offset behind the span.
func (s span) end() int64 { return behind(s.number<<spanBits, spanBits) }

// behind is the offset behind 2^bits offsets, as far as there are any.
func behind(from int64, bits int) int64 {
	if from >= math.MaxInt64-1<<bits {
		return math.MaxInt64
	}
	return from + 1<<bits
}

// pieces cuts a span where the narrowest slices end, if it has any, so that each piece lies in few slots. The lowest is the first.
func (s span) pieces() []part {
	bits := spanBits
	if slices.ContainsFunc(s.slots, func(slot int) bool { return paceIn(slot) == narrowestSlice }) {
		bits = narrowestSlice
	}
	var pieces []part
	for i := range int64(1) << (spanBits - bits) {
		from := s.number<<spanBits + i<<bits
		piece := part{epoch: s.epoch, from: from, before: behind(from, bits)}
		for _, slot := range s.slots {
			if mayHave(slot, from) {
				piece.slots = append(piece.slots, slot)
			}
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

func walkParts(ctx context.Context, session *gocql.Session, room uuid.UUID, within store.Range) *parts {
	statement := selectPositions
	if within.Oldest {
		statement = selectPositionsUp
	}
	p := &parts{
		rows: query(ctx, session, statement, gocql.UUID(room),
			within.From.Epoch, within.From.Offset>>spanBits, within.Before.Epoch, within.Before.Offset>>spanBits).
			PageSize(rowsFetched).Prefetch(0).Iter(),
		within: within,
		bucket: math.MaxInt,
	}
	if !within.CreatedBefore.IsZero() {
		p.bucket = bucketOf(within.CreatedBefore.UnixMicro() - 1)
	}
	p.readRow()
	return p
}

func (p *parts) close() error { return p.rows.Close() }

// next gives at most n further parts.
func (p *parts) next(n int) []part {
	var found []part
	for len(found) < n && p.hasAhead() {
		found = append(found, p.nextPart())
	}
	return found
}

// nextPart needs a piece ahead. It joins it with those behind it that lie in the same slots.
func (p *parts) nextPart() part {
	joined := p.take()
	for taken := 1; taken < maxJoined && p.hasAhead(); taken++ {
		if piece := p.ahead[0]; piece.epoch != joined.epoch || !slices.Equal(piece.slots, joined.slots) {
			break
		}
		piece := p.take()
		joined.from, joined.before = min(joined.from, piece.from), max(joined.before, piece.before)
	}
	return joined
}

func (p *parts) take() part {
	piece := p.ahead[0]
	p.ahead = p.ahead[1:]
	return piece
}

// hasAhead reads spans until one has a piece that may have anything of the range.
func (p *parts) hasAhead() bool {
	for len(p.ahead) == 0 && p.hasRow {
		p.ahead = p.cut(p.readSpan())
	}
	return len(p.ahead) > 0
}

// cut gives what the range has of a span's pieces, in the order of the walk.
func (p *parts) cut(s span) []part {
	var pieces []part
	for _, piece := range s.pieces() {
		piece = piece.in(p.within)
		if len(piece.slots) > 0 && piece.from < piece.before {
			pieces = append(pieces, piece)
		}
	}
	if !p.within.Oldest {
		slices.Reverse(pieces)
	}
	return pieces
}

// readSpan reads the next span, with the slots that have anything of the range.
func (p *parts) readSpan() span {
	read := span{epoch: p.row.epoch, number: p.row.number}
	for p.hasRow && p.row.is(read) {
		if slot := p.row.slots[0]; bucketIn(slot) <= p.bucket {
			read.slots = append(read.slots, slot)
		}
		p.readRow()
	}
	return read
}

func (p *parts) readRow() {
	p.row = span{slots: make([]int, 1)}
	p.hasRow = p.rows.Scan(&p.row.epoch, &p.row.number, &p.row.slots[0])
}
