package bus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// readAt is a record of an event at a time.
func readAt(offset int64, at time.Time) Record {
	return Record{Topic: "ism.test", Partition: 1, Offset: offset, Headers: map[string]string{"ce_time": wire.At(at).String()}}
}

// takes reads records one after the other, and gives where the event of each stands first.
func takes(t *testing.T, firsts *Firsts[string], events map[int64]string, offsets ...int64) (first []int64) {
	t.Helper()
	for _, offset := range offsets {
		record := readAt(offset, time.Now())
		if err := firsts.Read([]Record{record}); err != nil {
			t.Fatal(err)
		}
		first = append(first, firsts.First(record, events[offset]))
	}
	return first
}

func TestTheFirstOfSeveralCopiesIsKnown(t *testing.T) {
	log := map[int64]string{10: "a", 11: "b", 12: "a", 13: "a", 14: "b", 15: "c"}
	for name, offsets := range map[string][]int64{
		"in order":            {10, 11, 12, 13, 14, 15},
		"again":               {10, 11, 12, 11, 12, 13, 14, 15},
		"from the beginning":  {12, 13, 14, 15, 10, 11, 12, 13, 14, 15},
		"another in between":  {10, 11, 13, 14, 15},
		"another before that": {10, 11, 15, 11, 12, 13, 14},
	} {
		t.Run(name, func(t *testing.T) {
			firsts := NewFirsts[string]()
			takes(t, firsts, log, offsets...)
			for event, want := range map[string]int64{"a": 10, "b": 11, "c": 15} {
				at, known := firsts.Find(readAt(0, time.Now()), event)
				if forgotten := name == "another before that" && event == "c"; !forgotten && (!known || at != want) {
					t.Errorf("%s stands first at %d, %t, want %d", event, at, known, want)
				}
			}
		})
	}
}

// A log that has lost its end may have something else at an offset when that is read again.
func TestWhatIsReadAgainIsForgotten(t *testing.T) {
	firsts := NewFirsts[string]()
	takes(t, firsts, map[int64]string{10: "a", 11: "b"}, 10, 11)
	if first := takes(t, firsts, map[int64]string{11: "c", 12: "b"}, 11, 12); first[1] != 12 {
		t.Errorf("what was lost stands at %d, want 12", first[1])
	}
}

// Whether a copy before a record would be known is certain for what happened a minute after the reading began, and for what stands far behind its beginning.
func TestItIsCertainWhereThereIsNoCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		firsts, begun := NewFirsts[string](), time.Now()
		expect := func(offset int64, at time.Time, want bool) {
			t.Helper()
			record := readAt(offset, at)
			if err := firsts.Read([]Record{record}); err != nil {
				t.Fatal(err)
			}
			if sure := firsts.Sure(record); sure != want {
				t.Errorf("of what stands at %d: %t, want %t", offset, sure, want)
			}
		}
		if firsts.Sure(readAt(10, begun.Add(time.Hour))) {
			t.Error("of a partition that is not read it is certain")
		}
		expect(10, begun, false)
		time.Sleep(2 * clockSkew)
		expect(11, begun.Add(clockSkew), false)
		expect(12, time.Now(), true)
		expect(13, begun, false) // it has waited for long
		expect(12, time.Now(), true)
		expect(13, begun, false)
		expect(20, time.Now(), false) // others have read the partition meanwhile
		for offset := int64(21); offset < 20+copiesWithin; offset++ {
			expect(offset, begun, false)
		}
		expect(20+copiesWithin, begun, true)
		expect(5, begun, false)

		fromBeginning := NewFirsts[string]()
		record := readAt(0, begun)
		if err := fromBeginning.Read([]Record{record}); err != nil || !fromBeginning.Sure(record) {
			t.Error("of a log that is read from its beginning it is not certain")
		}
	})
}

// So much is remembered of each partition, whatever is read of others.
func TestSoMuchIsRemembered(t *testing.T) {
	firsts := NewFirsts[int64]()
	for offset := range int64(2 * copiesWithin) {
		for partition := range int32(2) {
			record := Record{Topic: "ism.test", Partition: partition, Offset: offset}
			if err := firsts.Read([]Record{record}); err != nil {
				t.Fatal(err)
			}
			firsts.First(record, offset)
		}
	}
	for event, want := range map[int64]bool{copiesWithin - 1: false, copiesWithin: true, 2*copiesWithin - 1: true} {
		if _, known := firsts.Find(Record{Topic: "ism.test", Partition: 1}, event); known != want {
			t.Errorf("event %d is known: %t, want %t", event, known, want)
		}
	}
}
