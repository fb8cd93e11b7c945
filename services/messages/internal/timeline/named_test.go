package timeline_test

import (
	"fmt"
	"testing"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// A send that was tried again is in the log at several positions. Whatever sends have written through, and however the log is cut into batches, the
// message stays at the first.
func TestAMessageThatIsSentAgainStaysAtItsFirstPosition(t *testing.T) {
	for _, through := range [][]int64{nil, {10}, {12}, {10, 12}, {12, 10}, {13, 12, 10}} {
		for _, batches := range [][][]int64{{{10, 11, 12, 13}}, {{10}, {11}, {12}, {13}}, {{10, 11}, {12, 13}}, {{10, 11, 12, 13}, {10}, {11, 12, 13}}, {{10}, {10, 11, 12}, {12, 13}}} {
			t.Run(fmt.Sprint(through, batches), func(t *testing.T) {
				lines, s, _ := newTimeline(t, 2)
				named, other := posted(1), posted(2)
				named.Message.ClientID = "a name"
				for _, offset := range through {
					if err := lines.WriteThrough(t.Context(), events.Event{ID: eventOf(named), Data: named}, events.Position{Epoch: 2, Offset: offset}); err != nil {
						t.Fatal(err)
					}
				}
				for _, batch := range batches {
					var records []bus.Record
					for _, offset := range batch {
						if offset == 11 {
							records = append(records, record(t, other, offset))
						} else {
							records = append(records, record(t, named, offset))
						}
					}
					if err := lines.Apply(t.Context(), records); err != nil {
						t.Fatal(err)
					}
				}
				got := stored(t, s)
				if len(got) != 2 || got[0].Message.ID != other.Message.ID || got[1].Message.ID != named.Message.ID || got[1].Position != (events.Position{Epoch: 2, Offset: 10}) {
					t.Errorf("the timeline has %+v", got)
				}
			})
		}
	}
}
