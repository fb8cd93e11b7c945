package cassandra

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/internal/pace"
)

func TestASlotSaysWhatItHas(t *testing.T) {
	seen := map[int][3]int64{}
	for _, bucket := range []int{-80_000, -1, 0, 1, 2_079, 1<<bucketBits - 1, 1 << bucketBits, 300_000} {
		for p, width := range map[events.Pace]int{-1: 0, 0: 0, 1: 17, 17: 17, 18: 20, 20: 20, 23: 23, 26: 26, 27: 0, 62: 0} {
			for _, slice := range []int64{0, 1, 7, 8, 1<<sliceBits - 1} {
				from := slice << width
				got := slotIn(bucket, p, from)
				if got < math.MinInt32 || got > math.MaxInt32 || bucketIn(got) != bucket {
					t.Fatalf("the slot %d is of the bucket %d, want %d", got, bucketIn(got), bucket)
				}
				if width == 0 || bucket < 0 || bucket >= 1<<bucketBits {
					if got != bucket || isSlice(got) || paceIn(got) != 0 || !mayHave(got, from) {
						t.Errorf("the bucket %d has the slot %d for pace %d", bucket, got, p)
					}
					continue
				}
				if !isSlice(got) || paceIn(got) != events.Pace(width) || slotIn(bucket, p, from+1<<width-1) != got || slotIn(bucket, p, from+1<<width) == got {
					t.Errorf("the slice %d of 2^%d offsets of bucket %d has the slot %d", slice, width, bucket, got)
				}
				if !mayHave(got, from) || !mayHave(got, from+1<<width-1) || mayHave(got, from+1<<width) || mayHave(got, from-1) {
					t.Errorf("the slot %d has other offsets than those of slice %d", got, slice)
				}
				key := [3]int64{int64(bucket), int64(width), slice}
				if other, taken := seen[got]; taken && other != key {
					t.Errorf("the slot %d is that of %v and of %v", got, other, key)
				}
				seen[got] = key
			}
		}
	}
}

// A room of a million messages of one bucket, whatever becomes of its pace, has no partition of more messages than the narrowest slice has offsets, and not
// many of few. Processes know of a message when 200 others are in the log.
func TestPartitionsOfABusyRoomAreBounded(t *testing.T) {
	const messages, behind, bucket = 1_000_000, 200, 2_000
	random := rand.New(rand.NewPCG(20, 5403))
	for name, others := range map[string]func(i int) int64{
		"alone":              func(int) int64 { return 0 },
		"one of a hundred":   func(int) int64 { return 99 },
		"at the edge":        func(int) int64 { return 15 },
		"by fits and starts": func(i int) int64 { return 1<<(i/30_000%13) - 1 },
		"at random":          func(int) int64 { return int64(math.Exp(random.Float64() * 8)) },
	} {
		t.Run(name, func(t *testing.T) {
			paces, err := pace.New()
			if err != nil {
				t.Fatal(err)
			}
			var (
				offset int64
				rows   = map[int]int{}
				unseen []int64
				room   = uuid.New()
			)
			for i := range messages {
				offset += others(i) + 1
				for len(unseen) > 0 && unseen[0] < offset-behind {
					paces.Saw(room, unseen[0])
					unseen = unseen[1:]
				}
				rows[slotIn(bucket, paces.Of(room), offset)]++
				unseen = append(unseen, offset)
			}
			largest, few := 0, 0
			for _, n := range rows {
				largest = max(largest, n)
				if n < events.PaceMessages/4 {
					few++
				}
			}
			t.Logf("%d partitions, the largest of %d messages, %d of few; %d are in the bucket", len(rows), largest, few, rows[bucket])
			if largest > 1<<narrowestSlice || len(rows) > messages/events.PaceMessages*2 || few > 20 {
				t.Errorf("%d partitions, the largest of %d messages, %d of few", len(rows), largest, few)
			}
		})
	}
}
