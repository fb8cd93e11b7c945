package httpapi

import (
	"strings"
	"testing"
)

func TestKeysAreRead(t *testing.T) {
	for header, want := range map[string]string{
		`"8e03978e-40d5-43dd-bc93-6894a57f9324"`: "8e03978e-40d5-43dd-bc93-6894a57f9324",
		`8e03978e-40d5-43dd-bc93-6894a57f9324`:   "8e03978e-40d5-43dd-bc93-6894a57f9324",
		` "a b" `:                                "a b",
		`"a \"b\" \\c"`:                          `a "b" \c`,
		"order:17/a.b~c":                         "order:17/a.b~c",
		strings.Repeat("a", 255):                 strings.Repeat("a", 255),
	} {
		if got, ok := parseKey(header); !ok || got != want {
			t.Errorf("%s is %q, %t", header, got, ok)
		}
	}
	for _, header := range []string{
		``, ` `, `""`, `"`, `"a`, `a"`, `"a"b`, `"a";b=1`, `a, b`, `"a", "b"`, `a b`, `"a\b"`, `"a\`, "\"a\x01\"", "\"a\x7f\"", "ä", `"ä"`, `a;b`, `a\b`,
		strings.Repeat("a", 256), `"` + strings.Repeat("a", 256) + `"`, strings.Repeat("a", 10<<10),
	} {
		if got, ok := parseKey(header); ok {
			t.Errorf("%.40s is taken for %q", header, got)
		}
	}
}

func TestNamesAreChecked(t *testing.T) {
	for _, good := range []string{"a", " ", "ä 🥣", strings.Repeat("🥣", 255)} {
		if err := CheckKey(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a\nb", "\x00", "\u0085", strings.Repeat("a", 256)} {
		if err := CheckKey(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
