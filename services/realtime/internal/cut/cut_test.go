package cut

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func logs(partitions int32) Logs {
	return Of(0, Topic{Name: "ism.rooms", ID: "AAAAAAAAQACAAAAAAAAAAQ", Partitions: partitions})
}

// at is a cut of points that have one leader epoch.
func at(leaderEpoch int32, offsets ...int64) Cut {
	var c Cut
	for _, offset := range offsets {
		c = append(c, Point{Offset: offset, LeaderEpoch: leaderEpoch})
	}
	return c
}

func TestTextIsReadBack(t *testing.T) {
	for _, c := range []Cut{
		at(Unknown, 0), at(0, 1), at(1, 63), at(2, 64), at(math.MaxInt32-1, maxOffset), at(Unknown, 0, 0, 0), at(7, 4711, 0, 12, 1<<40, 7, 8, 9, 10),
		{{0, Unknown}, {7, 0}, {8, 0}, {0, Unknown}, {9, 300}, {9, 12}},
	} {
		l := logs(int32(len(c)))
		text := string(l.Append(nil, c))
		got, err := l.Parse(text)
		if err != nil || !slices.Equal(got, c) {
			t.Errorf("%v is %q, read back as %v, %v", c, text, got, err)
		}
		if strings.ContainsAny(text, "+/= \r\n\x00") {
			t.Errorf("%q does not fit into a query", text)
		}
	}
}

// The text is in every event of every stream.
func TestTextIsShort(t *testing.T) {
	const many = 1<<34 - 1 // 17 billion records in each
	varied := at(0, many, many, many, many)
	for i := range varied {
		varied[i].LeaderEpoch = int32(200 + i)
	}
	for what, c := range map[string]struct {
		cut Cut
		max int
	}{
		"one partition":           {at(300, 1<<54), 22},
		"four partitions":         {at(300, many, many, many, many), 35},
		"eight partitions":        {at(300, many, many, many, many, many, many, many, many), 62},
		"leaders of various ages": {varied, 43},
	} {
		if text := logs(int32(len(c.cut))).Append(nil, c.cut); len(text) > c.max {
			t.Errorf("%s: %d characters: %s", what, len(text), text)
		}
	}
}

func TestOtherTextsAreRefused(t *testing.T) {
	l := logs(2)
	own := string(l.Append(nil, at(0, 1, 2)))
	for text, want := range map[string]error{
		"": ErrMalformed, "0-7": ErrMalformed, "nonsense": ErrOtherLogs, "no text of ours": ErrMalformed, "AAAA": ErrMalformed, own + "A": ErrMalformed, own[:len(own)-1]: ErrMalformed,
		own + "=": ErrMalformed, own + "\n": ErrMalformed, "\n" + own: ErrMalformed, " " + own: ErrMalformed, strings.Repeat("A", 1<<20): ErrMalformed,
		string(Of(1, Topic{Name: "ism.rooms", ID: "AAAAAAAAQACAAAAAAAAAAQ", Partitions: 2}).Append(nil, at(0, 1, 2))): ErrOtherLogs, // epoch
		string(Of(0, Topic{Name: "ism.rooms", ID: "AAAAAAAAQACAAAAAAAAAAg", Partitions: 2}).Append(nil, at(0, 1, 2))): ErrOtherLogs, // made anew
		string(Of(0, Topic{Name: "ism.users", ID: "AAAAAAAAQACAAAAAAAAAAQ", Partitions: 2}).Append(nil, at(0, 1, 2))): ErrOtherLogs,
		string(logs(1).Append(nil, at(0, 1))):       ErrOtherLogs, // partitions were added
		string(logs(3).Append(nil, at(0, 1, 2, 3))): ErrOtherLogs,
		string(l.Append(nil, at(0, 1))):             ErrMalformed,
		string(l.Append(nil, at(0, 1, 2, 3))):       ErrMalformed,
	} {
		if got, err := l.Parse(text); !errors.Is(err, want) {
			t.Errorf("Parse(%.60q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

// A client may come back with the id of a version whose ids had no leader epochs.
func TestTextsOfTheFormerVersionAreOfOtherLogs(t *testing.T) {
	for partitions, text := range map[int32]string{1: "0VNNruck", 2: "0FNMG-ck6CQ", 4: "1lNVjeck6CTpJOok"} {
		if c, err := logs(partitions).Parse(text); !errors.Is(err, ErrOtherLogs) {
			t.Errorf("Parse(%q) = %v, %v", text, c, err)
		}
	}
}

func TestReached(t *testing.T) {
	for _, c := range []struct {
		at, wanted Cut
		reached    bool
	}{
		{at(0, 0, 0), at(0, 0, 0), true},
		{at(0, 5, 5), at(0, 5, 4), true},
		{at(0, 5, 5), at(1, 5, 5), true},
		{at(0, 5, 5), at(0, 4, 6), false},
		{at(9, 5, 5), at(0, 6, 6), false},
	} {
		if got := c.at.Reached(c.wanted); got != c.reached {
			t.Errorf("%v reached %v: %v", c.at, c.wanted, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	l := logs(2)
	for _, seed := range []string{"", "0-7", string(l.Append(nil, at(0, 1, 2))), string(l.Append(nil, at(3, maxOffset, 0))), "________________"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := l.Parse(text)
		switch {
		case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOtherLogs):
			t.Errorf("unexpected error %v", err)
		case err == nil && (len(c) != 2 || c[0].Offset < 0 || c[1].Offset < 0 || min(c[0].LeaderEpoch, c[1].LeaderEpoch) < Unknown || string(l.Append(nil, c)) != text):
			t.Errorf("%q was read as %v", text, c)
		}
	})
}
