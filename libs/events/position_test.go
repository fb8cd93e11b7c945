package events_test

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ism-chat/ism/libs/events"
)

func TestPositionsAsText(t *testing.T) {
	for text, position := range map[string]events.Position{
		"":                           events.StartOfLog,
		"1010":                       {},
		"1022a":                      {Offset: 42},
		"11810000000":                {Epoch: 1, Offset: 1 << 28},
		"87fffffffg7fffffffffffffff": events.EndOfLog,
	} {
		if got := position.String(); got != text {
			t.Errorf("%+v is %q, want %q", position, got, text)
		}
		if got, err := events.ParsePosition(text); err != nil || got != position {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"1", "10", "101", "10100", "1010 ", "102", "1022A", "10202", "00", "h0", "10g8000000000000000", "8ffffffff10", "1\x00\x00", "102200", "+1+1", "10\u00e9",
	} {
		if got, err := events.ParsePosition(text); !errors.Is(err, events.ErrNoPosition) {
			t.Errorf("%q is taken for %+v, %v", text, got, err)
		}
	}
}

// Whatever a position is, what is next comes after it: there is no turning round at the last number.
func TestTheNextPositionComesAfter(t *testing.T) {
	for p, next := range map[events.Position]events.Position{
		events.StartOfLog:                     {Epoch: -1},
		{Epoch: 1, Offset: 41}:                {Epoch: 1, Offset: 42},
		{Epoch: 1, Offset: math.MaxInt64 - 1}: {Epoch: 1, Offset: math.MaxInt64},
		{Epoch: 1, Offset: math.MaxInt64}:     {Epoch: 2},
		events.EndOfLog:                       events.EndOfLog,
	} {
		if got := p.Next(); got != next {
			t.Errorf("next to %+v is %+v, want %+v", p, got, next)
		}
	}
}

// The texts of positions are in their order, and each is read back as it was.
func TestTheOrderOfTextsIsThatOfPositions(t *testing.T) {
	random := func() events.Position {
		p := events.Position{Epoch: rand.Int32() >> rand.IntN(32), Offset: rand.Int64() >> rand.IntN(64)}
		switch rand.IntN(20) {
		case 0:
			return events.StartOfLog
		case 1:
			return events.EndOfLog
		case 2:
			return events.Position{Epoch: p.Epoch, Offset: math.MaxInt64}
		}
		return p
	}
	for range 20_000 {
		p, q := random(), random()
		if rand.IntN(3) == 0 && p.Epoch >= 0 {
			q = events.Position{Epoch: p.Epoch, Offset: max(q.Offset, 0)}
		}
		if got, want := cmp.Compare(p.String(), q.String()), p.Compare(q); got != want {
			t.Fatalf("%+v and %+v compare as %d, their texts %q and %q as %d", p, q, want, p, q, got)
		}
		if again, err := events.ParsePosition(p.String()); err != nil || again != p {
			t.Fatalf("%+v is read back as %+v, %v", p, again, err)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add("1022a")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := events.ParsePosition(text); err == nil && p.String() != text {
			t.Errorf("%q is taken for %q", text, p)
		}
	})
}

func TestAPositionIsToldByEpochAndOffset(t *testing.T) {
	headers := map[string]string{}
	if p, ok := events.PositionOf(headers, 7); ok {
		t.Errorf("without an epoch it is %+v", p)
	}
	events.WithEpoch(headers, 3)
	if p, ok := events.PositionOf(headers, 7); !ok || p != (events.Position{Epoch: 3, Offset: 7}) {
		t.Errorf("it is %+v, %t", p, ok)
	}
	for _, epoch := range []string{"-1", "x", "4294967296", ""} {
		if p, ok := events.PositionOf(map[string]string{events.HeaderEpoch: epoch}, 7); ok {
			t.Errorf("epoch %q gives %+v", epoch, p)
		}
	}
}
