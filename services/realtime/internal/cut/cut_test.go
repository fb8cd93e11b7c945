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

func TestTextIsReadBack(t *testing.T) {
	for _, c := range []Cut{{0}, {1}, {127}, {128}, {math.MaxInt64}, {0, 0, 0}, {4711, 0, 12, 1 << 40, 7, 8, 9, 10}} {
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
	one := Cut{1 << 55}
	if text := logs(1).Append(nil, one); len(text) > 24 {
		t.Errorf("%d characters with one partition: %s", len(text), text)
	}
	eight := slices.Repeat(Cut{1<<35 - 1}, 8) // 34 billion records in each
	if text := logs(8).Append(nil, eight); len(text) > 64 {
		t.Errorf("%d characters with eight partitions: %s", len(text), text)
	}
}

func TestOtherTextsAreRefused(t *testing.T) {
	l := logs(2)
	own := string(l.Append(nil, Cut{1, 2}))
	for text, want := range map[string]error{
		"": ErrMalformed, "0-7": ErrMalformed, "nonsense": ErrOtherLogs, "no text of ours": ErrMalformed, "AAAA": ErrMalformed, own + "A": ErrMalformed, own[:len(own)-1]: ErrMalformed,
		own + "=": ErrMalformed, own + "\n": ErrMalformed, "\n" + own: ErrMalformed, " " + own: ErrMalformed, strings.Repeat("A", 1<<20): ErrMalformed,
		string(Of(1, Topic{Name: "ism.rooms", ID: "AAAAAAAAQACAAAAAAAAAAQ", Partitions: 2}).Append(nil, Cut{1, 2})): ErrOtherLogs, // epoch
		string(Of(0, Topic{Name: "ism.rooms", ID: "AAAAAAAAQACAAAAAAAAAAg", Partitions: 2}).Append(nil, Cut{1, 2})): ErrOtherLogs, // made anew
		string(Of(0, Topic{Name: "ism.users", ID: "AAAAAAAAQACAAAAAAAAAAQ", Partitions: 2}).Append(nil, Cut{1, 2})): ErrOtherLogs,
		string(logs(1).Append(nil, Cut{1})):       ErrOtherLogs, // partitions were added
		string(logs(3).Append(nil, Cut{1, 2, 3})): ErrOtherLogs,
		string(l.Append(nil, Cut{1})):             ErrMalformed,
		string(l.Append(nil, Cut{1, 2, 3})):       ErrMalformed,
	} {
		if got, err := l.Parse(text); !errors.Is(err, want) {
			t.Errorf("Parse(%.60q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestReached(t *testing.T) {
	for _, c := range []struct {
		at, wanted Cut
		reached    bool
	}{
		{Cut{0, 0}, Cut{0, 0}, true},
		{Cut{5, 5}, Cut{5, 4}, true},
		{Cut{5, 5}, Cut{4, 6}, false},
		{Cut{5, 5}, Cut{6, 6}, false},
	} {
		if got := c.at.Reached(c.wanted); got != c.reached {
			t.Errorf("%v reached %v: %v", c.at, c.wanted, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	l := logs(2)
	for _, seed := range []string{"", "0-7", string(l.Append(nil, Cut{1, 2})), string(l.Append(nil, Cut{math.MaxInt64, 0})), "________________"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := l.Parse(text)
		switch {
		case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOtherLogs):
			t.Errorf("unexpected error %v", err)
		case err == nil && (len(c) != 2 || c[0] < 0 || c[1] < 0 || string(l.Append(nil, c)) != text):
			t.Errorf("%q was read as %v", text, c)
		}
	})
}
