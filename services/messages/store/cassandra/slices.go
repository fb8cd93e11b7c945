package cassandra

import (
	"math"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

const (
	narrowestSlice = 17 // the pace of the busiest rooms, see [events.Pace]
	sliceStep      = 3  // to the next pace
	sliceWidths    = 4

	// The number of a slice, an int, has its width, its bucket and the last bits of its number among those of its width. 2^14 buckets are 448 years from
	// 1970, and 2^14 of the narrowest slices are more offsets than a partition of the log gives out in ten days. What is beyond is in fewer partitions.
	bucketBits = 14
	sliceBits  = 14
)

// slotOf is where an entry is, as the column bucket of messages and room_places has it: the number of a bucket, or of a slice of one, which is far below
// those of all buckets.
func slotOf(entry store.Entry) int {
	return slotIn(bucketOf(entry.Message.CreatedAt.UnixMicro()), entry.Pace, entry.Position.Offset)
}

// slotIn gives the slice of a bucket that has an offset. It is the bucket itself where there is no pace, and where the bucket is in no number of a slice.
func slotIn(bucket int, pace events.Pace, offset int64) int {
	if pace <= 0 || bucket < 0 || bucket >= 1<<bucketBits {
		return bucket
	}
	for width := range sliceWidths {
		if pace <= paceOf(width) {
			slice := int(offset>>paceOf(width)) & (1<<sliceBits - 1)
			return math.MinInt32 + (width<<bucketBits+bucket)<<sliceBits + slice
		}
	}
	return bucket
}

func paceOf(width int) events.Pace { return events.Pace(narrowestSlice + width*sliceStep) }

func isSlice(slot int) bool { return slot < math.MinInt32/2 }

// bucketIn is the bucket that a slot is in.
func bucketIn(slot int) int {
	if !isSlice(slot) {
		return slot
	}
	return (slot - math.MinInt32) >> sliceBits & (1<<bucketBits - 1)
}

// paceIn is the pace of the entries that are in a slot.
func paceIn(slot int) events.Pace {
	if !isSlice(slot) {
		return 0
	}
	return paceOf((slot - math.MinInt32) >> (sliceBits + bucketBits))
}

// mayHave reports whether a slot can have anything at an offset.
func mayHave(slot int, offset int64) bool {
	if !isSlice(slot) {
		return true
	}
	return (slot-math.MinInt32)&(1<<sliceBits-1) == int(offset>>paceIn(slot))&(1<<sliceBits-1)
}
