package images

import (
	"context"
	"fmt"
	"image"
)

// shrink averages rows of bytes over areas: each pixel that is made is the mean of those that it covers, in part, too. There is one channel, or four, of which the last is taken as full.
// Rows are summed up first, in a loop that every pixel goes through once; their columns are averaged for each row that is made only.
// Sums stay below 2^32 as long as neither side is longer than [maxSide].
func shrink(ctx context.Context, rows func(y int) []byte, from image.Point, into []byte, to image.Point, channels int) error {
	columns, sums := spansOf(from.X, to.X), make([]uint32, from.X*channels)
	for y, span := range spansOf(from.Y, to.Y) {
		clear(sums)
		for source := span.first; source <= span.last; source++ { // a row that two share is asked for twice
			if source%64 == 0 && ctx.Err() != nil {
				return fmt.Errorf("scale an image: %w", context.Cause(ctx))
			}
			add(sums, rows(source), span.weight(source, to.Y))
		}
		made := into[y*to.X*channels:][:to.X*channels]
		averageColumns(made, sums, columns, to.X, channels, uint64(from.X)*uint64(from.Y))
	}
	return nil
}

func add(sums []uint32, row []byte, weight uint32) {
	row = row[:len(sums)]
	for i := range sums {
		sums[i] += uint32(row[i]) * weight
	}
}

// span is the source pixels, first to last, of one that is made, and how much of the outer two is its own. A whole one weighs as many as are made.
type span struct {
	first, last             int
	firstWeight, lastWeight uint32 // where both are the same pixel, the first one counts
}

func (s span) weight(source, whole int) uint32 {
	switch source {
	case s.first:
		return s.firstWeight
	case s.last:
		return s.lastWeight
	default:
		return uint32(whole)
	}
}

// spansOf divides a side of so many pixels into so many: the weights of each add up to the former.
func spansOf(from, to int) []span {
	spans := make([]span, to)
	for i := range spans {
		start, end := i*from, (i+1)*from // in units of which a source pixel has "to"
		s := span{first: start / to, last: (end - 1) / to}
		if s.first == s.last {
			s.firstWeight = uint32(from)
		} else {
			s.firstWeight, s.lastWeight = uint32((s.first+1)*to-start), uint32(end-s.last*to)
		}
		spans[i] = s
	}
	return spans
}

// averageColumns makes a row of sums of rows. All weights of a pixel, of rows and of columns, add up to total.
func averageColumns(into []byte, sums []uint32, columns []span, whole, channels int, total uint64) {
	colours := min(channels, 3)
	for x, span := range columns {
		for colour := range colours {
			sum := uint64(sums[span.first*channels+colour]) * uint64(span.firstWeight)
			if span.last > span.first {
				inner := uint64(0)
				for source := span.first + 1; source < span.last; source++ {
					inner += uint64(sums[source*channels+colour])
				}
				sum += inner*uint64(whole) + uint64(sums[span.last*channels+colour])*uint64(span.lastWeight)
			}
			into[x*channels+colour] = byte((sum + total/2) / total)
		}
		if channels > colours {
			into[x*channels+colours] = 0xff
		}
	}
}
