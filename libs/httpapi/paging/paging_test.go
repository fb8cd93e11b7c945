package paging

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"
)

var alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")

func TestACursorIsGoodForItsListAlone(t *testing.T) {
	list := Of("search", alice, "acme", "al")
	for _, point := range [][]byte{nil, {0}, []byte("alice"), bytes.Repeat([]byte{0xff}, 500)} {
		cursor := list.Cursor(point)
		if got, ok := list.Point(cursor); !ok || !bytes.Equal(got, point) {
			t.Errorf("%q comes back as %q, %t", point, got, ok)
		}
		for name, other := range map[string]List{
			"another list":    Of("friends", alice, "acme", "al"),
			"another caller":  Of("search", uuid.New(), "acme", "al"),
			"another query":   Of("search", alice, "acme", "ali"),
			"another tenant":  Of("search", alice, "acm", "eal"),
			"less of a query": Of("search", alice, "acme"),
		} {
			if _, ok := other.Point(cursor); ok {
				t.Errorf("it is good for %s", name)
			}
		}
	}
}

func TestWhatIsNoCursorIsRefused(t *testing.T) {
	list := Of("search", alice)
	good := list.Cursor([]byte("point"))
	for name, text := range map[string]string{
		"empty": "", "cut": good[:len(good)-4], "longer": good + "AAAA", "padded": good + "=", "a line break": good[:4] + "\n" + good[4:],
		"no base64": "!" + good[1:], "another version": "C" + good[1:], "changed": good[:len(good)-2] + "AA", "huge": strings.Repeat("A", 1<<16),
	} {
		if point, ok := list.Point(text); ok {
			t.Errorf("%s is taken as %q", name, point)
		}
	}
}

func FuzzPoint(f *testing.F) {
	list := Of("search", alice)
	for _, seed := range []string{"", "AQ", list.Cursor(nil), list.Cursor([]byte("point"))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if point, ok := list.Point(text); ok && list.Cursor(point) != text {
			t.Errorf("%q and %q are the same point", text, list.Cursor(point))
		}
	})
}
