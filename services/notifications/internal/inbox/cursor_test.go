package inbox

import (
	"testing"

	"github.com/google/uuid"
)

// FuzzCursor holds every text to this: it is the one cursor of its position in the inbox of its user, or none.
func FuzzCursor(f *testing.F) {
	user, other := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a"), uuid.MustParse("0192d3a0-0000-7000-8000-00000000000b")
	for _, seed := range []string{
		"", "AQ", Cursor(user, 0), Cursor(user, 1<<62), Cursor(user, -1), Cursor(other, 7), Cursor(user, 7) + "=", Cursor(user, 7)[1:],
		Cursor(uuid.Nil, 7), "AQAAAAAAAAAHAAAAAA", "＿＿＿＿",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		position, err := ParseCursor(user, text)
		if err != nil {
			if position != 0 {
				t.Errorf("%q is refused, and gives %d", text, position)
			}
			return
		}
		if position < 0 || position+1 < 0 || Cursor(user, position) != text {
			t.Errorf("%q is read as %d, whose cursor is %q", text, position, Cursor(user, position))
		}
		if _, err := ParseCursor(other, text); err == nil {
			t.Errorf("%q is a cursor of two users", text)
		}
	})
}
