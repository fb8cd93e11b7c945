package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var room = uuid.MustParse("0192d3a0-0000-7000-8000-000000000001")

// of makes records of a room in the one partition that there is.
func of(room uuid.UUID, offsets ...int64) (records []bus.Record) {
	for _, offset := range offsets {
		records = append(records, bus.Record{Key: room.String(), Offset: offset, Value: make([]byte, 100)})
	}
	return records
}

func all(bus.Record) bool { return true }

func newTail(limit int) *Tail { return New(limit, nil, slog.New(slog.DiscardHandler)) }

type answer struct {
	offsets  []int64
	complete int64
	sure     bool
}

func (t *Tail) answers() string {
	records, complete, sure := t.Read(0, room)
	got := answer{complete: complete, sure: sure}
	for _, record := range records {
		got.offsets = append(got.offsets, record.Offset)
	}
	return fmt.Sprint(got)
}

func expect(t *testing.T, when string, tail *Tail, want answer) {
	t.Helper()
	if got := tail.answers(); got != fmt.Sprint(want) {
		t.Errorf("%s it gives %s, want %v", when, got, want)
	}
}

func TestWhatTheGroupHasNotComeToIsKept(t *testing.T) {
	tail := newTail(1 << 20)
	expect(t, "before anything is known", tail, answer{})
	tail.Begin(0, 10)
	expect(t, "while it is not known how far the group is", tail, answer{})
	tail.heal([]int64{7})
	expect(t, "while the group is behind where reading began", tail, answer{complete: 7})
	tail.heal([]int64{10})
	expect(t, "when it has come there", tail, answer{complete: 10, sure: true})
	tail.Take(of(room, 10, 12, 13), all)
	tail.Take(of(uuid.New(), 14), all)
	tail.Take(of(room, 15), func(bus.Record) bool { return false })
	expect(t, "behind some records", tail, answer{[]int64{10, 12, 13}, 16, true})
	tail.heal([]int64{13})
	expect(t, "when the group has come to some", tail, answer{[]int64{13}, 16, true})
	tail.heal([]int64{9})
	expect(t, "after an answer that is late", tail, answer{[]int64{13}, 16, true})
	tail.heal([]int64{20, 5})
	expect(t, "when the group is ahead", tail, answer{nil, 20, true})
	tail.Take(of(room, 16, 19, 21), all)
	expect(t, "behind records that the group had", tail, answer{[]int64{21}, 22, true})
	if tail.heal([]int64{30}); tail.weight != 0 {
		t.Errorf("nothing weighs %d", tail.weight)
	}
}

func TestWhatASendLeavesIsThereAtOnce(t *testing.T) {
	tail := newTail(1 << 20)
	tail.Keep(of(room, 3)[0]) // nothing is known of the partition yet
	tail.Begin(0, 10)
	tail.heal([]int64{10})
	tail.Keep(of(room, 12)[0])
	tail.Keep(of(room, 11)[0])
	expect(t, "before they are read", tail, answer{[]int64{11, 12}, 10, true})
	tail.Take(of(room, 10, 11), all)
	expect(t, "when one is read", tail, answer{[]int64{10, 11, 11, 12}, 12, true})
	tail.heal([]int64{12})
	expect(t, "when the group has come to one", tail, answer{[]int64{12}, 12, true})
	tail.heal([]int64{13})
	if expect(t, "when it has come to all", tail, answer{nil, 13, true}); tail.weight != 0 {
		t.Errorf("nothing weighs %d", tail.weight)
	}
}

func TestItKeepsWithinItsLimit(t *testing.T) {
	weight := weightOf(of(room, 0)[0])
	tail := newTail(3 * weight)
	tail.Begin(0, 0)
	tail.Take(of(room, 0, 1, 2), all)
	expect(t, "with as many as it takes", tail, answer{[]int64{0, 1, 2}, 3, true})
	tail.Keep(of(room, 5)[0]) // there is no room for it
	tail.Take(of(room, 3, 4), all)
	expect(t, "with more", tail, answer{[]int64{2, 3, 4}, 0, false})
	tail.heal([]int64{1})
	expect(t, "while the group is behind what was dropped", tail, answer{[]int64{2, 3, 4}, 1, false})
	tail.heal([]int64{2})
	expect(t, "when it has come to that", tail, answer{[]int64{2, 3, 4}, 5, true})
}

func TestAJumpForgets(t *testing.T) {
	for to, want := range map[int64]answer{30: {nil, 10, false}, 4: {nil, 4, true}} {
		tail := newTail(1 << 20)
		tail.Begin(0, 10)
		tail.heal([]int64{10})
		tail.Take(of(room, 10, 11), all)
		tail.Keep(of(room, 12)[0])
		tail.Jumped([]bus.Jump{{Partition: 0, From: 12, To: to}, {Partition: 9, From: 1, To: 2}})
		expect(t, fmt.Sprint("behind a jump to ", to), tail, want)
		tail.Take(of(room, to), all)
		tail.heal([]int64{to + 1})
		expect(t, fmt.Sprint("healed behind a jump to ", to), tail, answer{nil, to + 1, true})
		if tail.weight != 0 {
			t.Errorf("nothing weighs %d", tail.weight)
		}
	}
}

// How far the group is, is asked for once a second while it is behind, and not at rest.
func TestTheGroupIsAskedWhileItIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, healed := 0, []int64{0}
		tail := New(1<<20, func(int) ([]int64, error) {
			if asked++; asked == 2 {
				return nil, errors.New("no broker")
			}
			return slices.Clone(healed), nil
		}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- tail.Run(ctx) }()
		count := func(when string, want int) {
			t.Helper()
			asked = 0
			time.Sleep(10 * look)
			synctest.Wait()
			if asked != want {
				t.Errorf("%s it was asked %d times in ten seconds, want %d", when, asked, want)
			}
		}
		count("before anything is read", 0)
		tail.Begin(0, 0)
		count("with an empty log", 0)
		tail.Take(of(room, 0, 1), all)
		count("while the group is behind", 10)
		healed[0] = 2
		count("when it catches up", 1)
		count("at rest", 0)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
