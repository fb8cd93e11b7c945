package cassandra

import (
	"context"
	"math"
	"slices"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/messages/store"
)

// maxSpans is how many spans that lie in the same buckets are read as one part.
const maxSpans = 32

const (
	selectPositions = `
SELECT epoch, span, bucket FROM room_places
WHERE room_id = ? AND (epoch, span) >= (?, ?) AND (epoch, span) <= (?, ?)`
	selectPositionsUp = selectPositions + ` ORDER BY epoch, span, bucket`
)

// part is a piece of a timeline whose positions all lie in the same buckets: the offsets from (inclusive) to before (exclusive)
// of an epoch.
type part struct {
	epoch        int32
	from, before int64
	buckets      []int
}

// parts walks a range of a room's timeline part by part: downwards, or upwards where its oldest messages are wanted.
type parts struct {
	rows   *gocql.Iter
	within store.Range
	bucket int // the highest that has anything of the range

	row    span // the row of room_places that has been read ahead, as a span of one bucket
	hasRow bool
	ahead  span // the span that has been read ahead
	hasAny bool
}

// span is 2^20 offsets of an epoch, and the buckets that hold the room's positions in them.
type span struct {
	epoch   int32
	number  int64
	buckets []int
}

func (s span) is(other span) bool { return s.epoch == other.epoch && s.number == other.number }

// end is the offset behind the span.
func (s span) end() int64 {
	if s.number >= math.MaxInt64>>spanBits {
		return math.MaxInt64
	}
	return (s.number + 1) << spanBits
}

func walkParts(ctx context.Context, session *gocql.Session, room uuid.UUID, within store.Range) *parts {
	statement := selectPositions
	if within.Oldest {
		statement = selectPositionsUp
	}
	p := &parts{
		rows: read(ctx, session, statement, gocql.UUID(room),
			within.From.Epoch, within.From.Offset>>spanBits, within.Before.Epoch, within.Before.Offset>>spanBits),
		within: within,
		bucket: math.MaxInt,
	}
	if !within.CreatedBefore.IsZero() {
		p.bucket = bucketOf(within.CreatedBefore.UnixMicro() - 1)
	}
	p.readRow()
	p.readSpan()
	return p
}

func (p *parts) close() error { return p.rows.Close() }

// next gives at most n further parts.
func (p *parts) next(n int) []part {
	var found []part
	for len(found) < n && p.hasAny {
		found = append(found, p.nextPart())
	}
	return found
}

// nextPart needs a span ahead. It takes it together with those behind it that lie in the same buckets.
func (p *parts) nextPart() part {
	first := p.ahead
	last := first
	p.readSpan()
	for taken := 1; taken < maxSpans && p.hasAny && p.ahead.epoch == first.epoch && slices.Equal(p.ahead.buckets, first.buckets); taken++ {
		last = p.ahead
		p.readSpan()
	}
	if p.within.Oldest {
		first, last = last, first
	}
	found := part{epoch: first.epoch, from: last.number << spanBits, before: first.end(), buckets: first.buckets}
	if found.epoch == p.within.From.Epoch {
		found.from = max(found.from, p.within.From.Offset)
	}
	if found.epoch == p.within.Before.Epoch {
		found.before = min(found.before, p.within.Before.Offset)
	}
	return found
}

// readSpan reads the next span that has anything of the range.
func (p *parts) readSpan() {
	for p.hasRow {
		p.ahead = span{epoch: p.row.epoch, number: p.row.number}
		for p.hasRow && p.row.is(p.ahead) {
			if bucket := p.row.buckets[0]; bucket <= p.bucket {
				p.ahead.buckets = append(p.ahead.buckets, bucket)
			}
			p.readRow()
		}
		if len(p.ahead.buckets) > 0 {
			p.hasAny = true
			return
		}
	}
	p.hasAny = false
}

func (p *parts) readRow() {
	p.row = span{buckets: make([]int, 1)}
	p.hasRow = p.rows.Scan(&p.row.epoch, &p.row.number, &p.row.buckets[0])
}
