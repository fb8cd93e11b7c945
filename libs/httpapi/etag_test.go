package httpapi

import "testing"

func TestTagsAreNamed(t *testing.T) {
	for _, test := range []struct {
		header         string
		weakly, strong bool
	}{
		{``, false, false},
		{`"a"`, true, true},
		{`"b"`, false, false},
		{`*`, true, true},
		{`"b", "a"`, true, true},
		{`"b" , W/"a"`, true, false},
		{`W/"b"`, false, false},
		{`a`, false, false},
		{`"a`, false, false},
	} {
		if got := NamesTag(test.header, `"a"`); got != test.weakly {
			t.Errorf("If-None-Match: %s names it: %t", test.header, got)
		}
		if got := NamesTagStrongly(test.header, `"a"`); got != test.strong {
			t.Errorf("If-Match: %s names it: %t", test.header, got)
		}
	}
}
